"""Whole-process time of a remote `true`, by eic-term, OpenSSH and mssh, against a real sshd.

Started by `scripts/bench connect`. Each round-trip time gets a region of its own (`eic-sandbox run`), in
which this file is run again to measure; within it the programs take turns, A B C A B C, so that whatever
else the machine does falls on all of them.
"""

import argparse
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_support import ROOT, WEB, address_of, binary, in_region, machine, markdown, positive, ssh, ssh_options

RUNS = {0: 15, 80: 7}  # Round-trip time in ms, and how often at least each program is run.
BASE = "direct: ssh, key in place"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench connect")
    parser.add_argument("--runs", type=positive, help="runs of each program [default: 15 at 0 ms, 7 at 80 ms]")
    parser.add_argument(
        "--user",
        default=getpass.getuser(),
        help="OS user to log in as; the start of its shell counts for every program [default: you]",
    )
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(Path(args.inside), args.runs, args.user)))
        return
    results = {
        rtt: in_region(__file__, rtt, ["--runs", str(args.runs or runs), "--user", args.user])
        for rtt, runs in RUNS.items()
    }
    print(table(results))
    print(f"\nMedians of whole-process times; {machine()}")


def measure(folder, runs, user):
    """Seconds by program; runs every program in turn, after one round that does not count."""
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
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    commands = {
        "direct: eic-term exec": [eic_term, "exec", f"{user}@{WEB}", "--", "true"],
        BASE: [*ssh(folder), "-p", port, f"{user}@{address}", "true"],
    }
    if mssh := shutil.which("mssh", path=peers()):
        options = ["-r", os.environ["AWS_REGION"], *ssh_options(folder), "-p", port]
        commands["direct: mssh"] = [mssh, *options, f"{user}@{WEB}", "true"]
    else:
        print("mssh is not installed (scripts/test does that): it is left out", file=sys.stderr)
    through = ["--connection-type", "eice", "-p", "22"]
    commands["endpoint: eic-term exec"] = [eic_term, "exec", *through, f"{user}@{WEB}", "--", "true"]
    over = "endpoint: ssh, key in place, over eic-term tunnel"
    commands[over] = [*ssh(folder), *proxy, f"{user}@{WEB}", "true"]
    return commands


def timed(command):
    """Seconds from a program's start to its end, which must be a success."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return taken


def table(results):
    """Medians in milliseconds, and ratios to plain ssh, a column pair each round-trip time."""
    rows = [["program"] + [text for rtt in results for text in (f"{rtt} ms round trip", "to ssh")]]
    for name in next(iter(results.values())):
        row = [name]
        for seconds in results.values():
            median = statistics.median(seconds[name])
            ratio = median / statistics.median(seconds[BASE])
            row += [f"{median * 1000:.0f} ms", f"{ratio:.2f}"]
        rows.append(row)
    return markdown(rows)


def peers():
    return f"{ROOT / 'target/peers/bin'}{os.pathsep}{os.environ['PATH']}"


if __name__ == "__main__":
    main()
