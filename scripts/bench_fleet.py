"""How fast and how large eic-term exec is on many instances, 32 at a time: `true` on 100 with a real sshd each, beside
pssh, clush and ansible with `ssh` and a key in place; `true` on 1,000 simulated ones far away, beside the time that their
round trips take; and 10 MiB of output from each of 100.

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

from bench_support import binary, in_region, machine, markdown, positive, ssh_options

RUNS = 5
PARALLEL = 32
BASE = "eic-term exec"
# What is measured: how many instances, the round trip in ms, and whether each has a real sshd.
CASES = {"true": (100, 0, True), "far": (1000, 80, False), "output": (100, 0, True)}
# From the first byte of a direct login to the exit status, see tests/round_trips.rs.
ROUND_TRIPS = 8
OUTPUT = 10 << 20


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench fleet")
    parser.add_argument("--runs", type=positive, default=RUNS, help=f"runs of each program [default: {RUNS}]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--only", action="append", choices=CASES, help="only this case; may be repeated")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        [case] = args.only
        print(json.dumps(measure(programs(case, Path(args.inside), args.user), args.runs)))
        return
    for case in args.only or CASES:
        print(f"\n{describe(case)}:\n\n{table(case, results(case, args))}", flush=True)
    print(f"\nMedians of {args.runs} runs, {PARALLEL} at a time; {machine()}")


def results(case, args):
    count, rtt, sshd = CASES[case]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as fleet:
        fleet.write(instances(count))
        fleet.flush()
        options = ["--fleet", fleet.name] + ["--sshd"] * sshd
        return in_region(__file__, rtt, ["--runs", str(args.runs), "--user", args.user, "--only", case], options)


def describe(case):
    count, rtt, sshd = CASES[case]
    what = f"{OUTPUT >> 20} MiB of output" if case == "output" else "`true`"
    return f"{what} on {count} {'' if sshd else 'simulated '}hosts, {rtt} ms of round trip"


def instances(count):
    """A fleet whose instances are all reached directly, at loopback addresses of their own."""
    entry = '[[instance]]\nid = "i-{0:017x}"\nname = "web-{0}"\npublic_ip = "127.9.{1}.{2}"\n'
    return "".join(entry.format(n, n // 200, n % 200 + 1) for n in range(count))


def measure(commands, runs):
    """Seconds, processor seconds and the largest process in KiB, by program; the first round does not count."""
    results = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, (command, environment, size) in commands.items():
            taken = timed(command, environment, size)
            if number > 0:
                results[name].append(taken)
    return results


def programs(case, folder, user):
    """The command lines, with what they need in the environment and print, by what the table calls them."""
    ours = [binary("eic-term"), "exec", "--parallel", str(PARALLEL)]
    if case == "far":
        return {BASE: ([*ours, "ec2-user@web-*", "--", "true"], {}, 0)}
    if case == "output":
        command = f"yes 'fifteen letters' | head -c {OUTPUT}"
        return {BASE: ([*ours, "--output", "raw", f"{user}@web-*", "--", command], {}, OUTPUT * CASES[case][0])}
    commands = {BASE: [*ours, f"{user}@web-*", "--", "true"], **others(folder, user)}
    environment = {"ANSIBLE_HOST_KEY_CHECKING": "False"}
    return {name: (command, environment, 0) for name, command in commands.items()}


def others(folder, user):
    """The command lines of those that are there."""
    commands = {}
    hosts = addresses()
    words = " ".join(map(str, [*ssh_options(folder), "-i", folder / "key"]))
    # One configuration has the ports, as clush takes none.
    config = folder / "ssh_config"
    config.write_text("".join(f"Host {host}\n  Port {port}\n" for host, port in hosts))
    words = words.replace("-F /dev/null", f"-F {config}")
    names = [host for host, _ in hosts]
    (folder / "hosts").write_text("\n".join(names) + "\n")
    if pssh := shutil.which("parallel-ssh") or shutil.which("pssh"):
        commands["pssh"] = [pssh, "-h", str(folder / "hosts"), "-p", str(PARALLEL), "-l", user, "-x", words, "true"]
    if clush := shutil.which("clush"):
        commands["clush"] = [clush, "-l", user, "-f", str(PARALLEL), "-o", words, "-w", ",".join(names), "true"]
    if ansible := shutil.which("ansible"):
        inventory = folder / "inventory"
        inventory.write_text("\n".join(f"{host} ansible_port={port}" for host, port in hosts) + "\n")
        command = [ansible, "all", "-i", str(inventory), "-u", user, "-f", str(PARALLEL)]
        commands["ansible -m raw"] = [*command, "--ssh-common-args", words, "-m", "raw", "-a", "true"]
    for missing in {"pssh", "clush", "ansible -m raw"} - commands.keys():
        print(f"{missing} is not installed: it is left out", file=sys.stderr)
    return commands


def addresses():
    """Addresses and ports of the region's instances, from eic-term's configuration."""
    config = tomllib.loads(Path(os.environ["EIC_TERM_CONFIG"]).read_text())
    return [(entry["match"][-1], entry["port"]) for entry in config["target"] if "port" in entry]


def timed(command, environment, size):
    """One run, which must be a success and print so many bytes, if any are said."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": errors}
        child = subprocess.Popen(command, env=os.environ | environment, **streams)
        _, status, usage = os.wait4(child.pid, 0)
        taken = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        printed = output.tell()
        if child.returncode != 0 or size not in (0, printed):
            errors.seek(0)
            sys.exit(f"{command[0]}: {child.returncode}, {printed} bytes\n{errors.read().decode()[-2000:]}")
    return taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def table(case, results):
    """Medians; how often eic-term's time, and the memory that its largest process takes for each that works."""
    rows = [["program", "time", "to eic-term", "processor time", "largest process", "for each at work"]]
    base = statistics.median(taken for taken, _, _ in results[BASE])
    for name, runs in results.items():
        taken, cpu, memory = (statistics.median(column) for column in zip(*runs))
        each = f"{memory / 1024 / PARALLEL:.1f} MiB" if name == BASE else "–"
        rows.append([name, f"{taken:.2f} s", f"{taken / base:.2f}", f"{cpu:.2f} s", f"{memory / 1024:.0f} MiB", each])
    count, rtt, _ = CASES[case]
    if rtt > 0:
        ideal = count / PARALLEL * ROUND_TRIPS * rtt / 1000
        rows.append([f"{ROUND_TRIPS} round trips, {PARALLEL} at a time", f"{ideal:.2f} s", f"{ideal / base:.2f}", "–", "–", "–"])
    return markdown(rows)


if __name__ == "__main__":
    main()
