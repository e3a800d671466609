"""Whole-process time of `true` on 100 instances with a real sshd each, 32 at a time: eic-term beside pssh, clush and
ansible with `ssh` and a key in place.

Started by `scripts/bench fleet`. The programs take turns in one region (`eic-sandbox run`), in which this file is run
again to measure. What is missing is left out: `apt-get install pssh clustershell ansible-core`.
"""

import argparse
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from bench_support import binary, in_region, machine, markdown, ssh_options

RUNS = 5
HOSTS = 100
PARALLEL = 32
BASE = "eic-term exec"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench fleet")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each program [default: {RUNS}]")
    parser.add_argument("--hosts", type=int, default=HOSTS, help=f"how many instances [default: {HOSTS}]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(Path(args.inside), args)))
        return
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as fleet:
        fleet.write(instances(args.hosts))
        fleet.flush()
        arguments = ["--runs", str(args.runs), "--hosts", str(args.hosts), "--user", args.user]
        results = in_region(__file__, 0, arguments, ["--fleet", fleet.name])
    print(table(results))
    print(f"\nMedians of {args.runs} runs, {args.hosts} hosts, {PARALLEL} at a time; {machine()}")


def instances(count):
    """A fleet whose instances are all reached directly, at loopback addresses of their own."""
    entry = '[[instance]]\nid = "i-{0:017x}"\nname = "web-{0}"\npublic_ip = "127.9.{1}.{2}"\n'
    return "".join(entry.format(n, n // 200, n % 200 + 1) for n in range(count))


def measure(folder, args):
    """Seconds, processor seconds and the largest process in KiB, by program; the first round does not count."""
    commands = programs(folder, args)
    results = {name: [] for name in commands}
    for number in range(args.runs + 1):
        for name, (command, environment) in commands.items():
            taken = timed(command, environment)
            if number > 0:
                results[name].append(taken)
    return results


def programs(folder, args):
    """The command lines, with what they need in the environment, by what the table calls them."""
    hosts = addresses()
    options = [*ssh_options(folder), "-i", str(folder / "key")]
    words = " ".join(str(option) for option in options)
    width = ["--parallel", str(PARALLEL)]
    commands = {BASE: ([binary("eic-term"), "exec", *width, f"{args.user}@web-*", "--", "true"], {})}
    # One configuration has the ports, as clush takes none.
    config = folder / "ssh_config"
    config.write_text("".join(f"Host {host}\n  Port {port}\n" for host, port in hosts))
    words = words.replace("-F /dev/null", f"-F {config}")
    names = [host for host, _ in hosts]
    (folder / "hosts").write_text("\n".join(names) + "\n")
    if pssh := shutil.which("parallel-ssh") or shutil.which("pssh"):
        command = [pssh, "-h", str(folder / "hosts"), "-p", str(PARALLEL), "-l", args.user, "-x", words, "true"]
        commands["pssh"] = (command, {})
    if clush := shutil.which("clush"):
        command = [clush, "-l", args.user, "-f", str(PARALLEL), "-o", words, "-w", ",".join(names), "true"]
        commands["clush"] = (command, {})
    if ansible := shutil.which("ansible"):
        inventory = folder / "inventory"
        inventory.write_text("\n".join(f"{host} ansible_port={port}" for host, port in hosts) + "\n")
        command = [ansible, "all", "-i", str(inventory), "-u", args.user, "-f", str(PARALLEL)]
        command += ["--ssh-common-args", words, "-m", "raw", "-a", "true"]
        commands["ansible -m raw"] = (command, {"ANSIBLE_HOST_KEY_CHECKING": "False"})
    for missing in {"pssh", "clush", "ansible -m raw"} - commands.keys():
        print(f"{missing} is not installed: it is left out", file=sys.stderr)
    return commands


def addresses():
    """Addresses and ports of the region's instances, from eic-term's configuration."""
    config = tomllib.loads(Path(os.environ["EIC_TERM_CONFIG"]).read_text())
    return [(entry["match"][-1], entry["port"]) for entry in config["target"] if "port" in entry]


def timed(command, environment):
    """One run, which must be a success."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        child = subprocess.Popen(command, env=os.environ | environment, **streams)
        _, status, usage = os.wait4(child.pid, 0)
        taken = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"{command[0]}: {child.returncode}\n{output.read().decode()[-2000:]}")
    return taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def table(results):
    """Medians; how often eic-term's time, and the memory that its largest process takes for each that works."""
    rows = [["program", "time", "to eic-term", "processor time", "largest process", "for each at work"]]
    base = statistics.median(taken for taken, _, _ in results[BASE])
    for name, runs in results.items():
        taken, cpu, memory = (statistics.median(column) for column in zip(*runs))
        each = f"{memory / 1024 / PARALLEL:.1f} MiB" if name == BASE else "–"
        row = [name, f"{taken:.2f} s", f"{taken / base:.2f}", f"{cpu:.2f} s", f"{memory / 1024:.0f} MiB", each]
        rows.append(row)
    return markdown(rows)


if __name__ == "__main__":
    main()
