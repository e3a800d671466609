"""Whole-process time of a remote `true`, by eic-term, OpenSSH and mssh, against a real sshd.

Started by `scripts/bench connect`. Each round-trip time gets a region of its own (`eic-sandbox run`), in
which this file is run again to measure; within it the programs take turns, A B C A B C, so that whatever
else the machine does falls on all of them.
"""

import argparse
import functools
import getpass
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = "i-0e1c0000000000001"  # Of the sandbox's fleet: the one with a public and a private address.
RUNS = {0: 15, 80: 7}  # Round-trip time in ms, and how often at least each program is run.
BASE = "direct: ssh, key in place"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench connect")
    parser.add_argument("--runs", type=int, help="runs of each program [default: 15 at 0 ms, 7 at 80 ms]")
    parser.add_argument(
        "--user",
        default=getpass.getuser(),
        help="OS user to log in as; the start of its shell counts for every program [default: you]",
    )
    parser.add_argument("--inside", nargs=2, metavar=("FOLDER", "RUNS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        folder, runs = args.inside
        print(json.dumps(measure(Path(folder), int(runs), args.user)))
        return
    results = {rtt: region(rtt, args.runs or runs, args.user) for rtt, runs in RUNS.items()}
    print(table(results))
    print(machine())


def region(rtt, runs, user):
    """Starts a region with this round-trip time and measures in it: seconds by program."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        command = [binary("eic-sandbox"), "run", "--sshd", "--rtt", f"{rtt}ms"]
        command += ["--authorized-key", f"{key}.pub", "--"]
        command += [sys.executable, __file__, "--inside", folder, str(runs), "--user", user]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return json.loads(output)


def measure(folder, runs, user):
    """Runs every program in turn, after one round that does not count."""
    commands = programs(folder, user)
    seconds = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            taken = timed(command)
            if number > 0:
                seconds[name].append(taken)
    return seconds


def programs(folder, user):
    """The command lines, by what the table calls them."""
    eic_term, address, port = binary("eic-term"), *address_of(WEB)
    ssh = ["ssh", "-i", folder / "key", *ssh_options(folder)]
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    commands = {
        "direct: eic-term exec": [eic_term, "exec", f"{user}@{WEB}", "--", "true"],
        BASE: [*ssh, "-p", port, f"{user}@{address}", "true"],
    }
    if mssh := shutil.which("mssh", path=peers()):
        options = ["-r", os.environ["AWS_REGION"], *ssh_options(folder), "-p", port]
        commands["direct: mssh"] = [mssh, *options, f"{user}@{WEB}", "true"]
    else:
        print("mssh is not installed (scripts/test does that): it is left out", file=sys.stderr)
    through = ["--connection-type", "eice", "-p", "22"]
    commands["endpoint: eic-term exec"] = [eic_term, "exec", *through, f"{user}@{WEB}", "--", "true"]
    commands["endpoint: ssh, key in place, over eic-term tunnel"] = [*ssh, *proxy, f"{user}@{WEB}", "true"]
    return commands


def ssh_options(folder):
    """Nothing of the user's own, no connection shared, no question asked."""
    options = {
        "BatchMode": "yes",
        "ControlMaster": "no",
        "ControlPath": "none",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": folder / "known_hosts",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["-F", "/dev/null", *words]


def timed(command):
    """Seconds from a program's start to its end, which must be a success."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return taken


def address_of(instance):
    """Where the region's instance is reached directly: its address, and its port from the config file."""
    config = tomllib.loads(Path(os.environ["EIC_TERM_CONFIG"]).read_text())
    entry = next(entry for entry in config["target"] if instance in entry["match"])
    return entry["match"][-1], str(entry["port"])


def table(results):
    """Medians in milliseconds, and ratios to plain ssh, a column pair each round-trip time."""
    header = ["program"] + [f"{rtt} ms round trip | to ssh" for rtt in results]
    lines = [header, ["---"] + ["---: | ---:"] * len(results)]
    for name in next(iter(results.values())):
        cells = []
        for seconds in results.values():
            median = statistics.median(seconds[name])
            ratio = median / statistics.median(seconds[BASE])
            cells.append(f"{median * 1000:.0f} ms | {ratio:.2f}")
        lines.append([name, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine():
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.split(",")[0]
    return f"\nMedians of whole-process times; {version}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}."


def binary(name):
    """The release build of one of ours."""
    return str(target_folder() / "release" / name)


@functools.cache
def target_folder():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(output)["target_directory"])


def peers():
    return f"{ROOT / 'target/peers/bin'}{os.pathsep}{os.environ['PATH']}"


if __name__ == "__main__":
    main()
