"""How fast bytes pass through `exec`, by eic-term, OpenSSH and, where it is built, eic-term.exe under Wine.

Started by `scripts/bench throughput`. The programs take turns in one region with a real sshd; each sends 100 MiB of
noise there, and gets as much back.
"""

import argparse
import getpass
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_support import WEB, address_of, binary, in_region, machine, markdown, positive, ssh, target_folder

MEBIBYTES = 100
RUNS = 3
WINDOWS = "x86_64-pc-windows-gnu/release/eic-term.exe"
THROUGH = ["--connection-type", "eice", "-p", "22"]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench throughput")
    parser.add_argument("--runs", type=positive, default=RUNS, help="runs of each program [default: %(default)s]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(Path(args.inside), args.runs, args.user)))
        return
    print(table(in_region(__file__, 0, ["--runs", str(args.runs), "--user", args.user])))
    print(f"\nMedians of {args.runs} runs of {MEBIBYTES} MiB, the login included; {machine()}")


def measure(folder, runs, user):
    """Seconds by program, for the way there and the way back."""
    noise = folder / "noise"
    noise.write_bytes(os.urandom(MEBIBYTES << 20))
    noise.chmod(0o644)
    folder.chmod(0o755)
    commands = programs(folder, user)
    seconds = {name: {"there": [], "back": []} for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            seconds[name]["there"].append(there(command, noise))
            seconds[name]["back"].append(back(command, noise))
    return seconds


def programs(folder, user):
    """The command lines up to the remote command, by what the table calls them."""
    eic_term, address, port = binary("eic-term"), *address_of(WEB)
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    commands = {
        "direct: eic-term exec": [eic_term, "exec", f"{user}@{WEB}", "--"],
        "direct: ssh": [*ssh(folder), "-p", port, f"{user}@{address}"],
        "endpoint: eic-term exec": [eic_term, "exec", *THROUGH, f"{user}@{WEB}", "--"],
        "endpoint: ssh over eic-term tunnel": [*ssh(folder), *proxy, f"{user}@{WEB}"],
    }
    wine = target_folder() / WINDOWS
    if wine.exists():
        windows = ["/usr/lib/wine/wine64", wine, "exec"]
        commands["direct: eic-term.exe, Wine"] = [*windows, f"{user}@{WEB}", "--"]
        commands["endpoint: eic-term.exe, Wine"] = [*windows, *THROUGH, f"{user}@{WEB}", "--"]
    else:
        print(f"{WINDOWS} is not built: it is left out", file=sys.stderr)
    return commands


def there(command, noise):
    with noise.open("rb") as stdin:
        return timed([*command, f"cmp - {noise}"], stdin, subprocess.DEVNULL)


def back(command, noise):
    with tempfile.TemporaryFile() as stdout:
        taken = timed([*command, f"cat {noise}"], subprocess.DEVNULL, stdout)
        if stdout.tell() != noise.stat().st_size:
            sys.exit(f"{command}: {stdout.tell()} bytes came back")
        return taken


def timed(command, stdin, stdout):
    start = time.perf_counter()
    done = subprocess.run(command, stdin=stdin, stdout=stdout)
    taken = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}")
    return taken


def table(seconds):
    rows = [["program", "there", "to ssh", "back", "to ssh"]]
    for name, taken in seconds.items():
        way = name.split(":")[0]
        base = next(other for key, other in seconds.items() if key.startswith(f"{way}: ssh"))
        row = [name]
        for direction in ("there", "back"):
            median = statistics.median(taken[direction])
            ratio = statistics.median(base[direction]) / median
            row += [f"{MEBIBYTES / median:.0f} MiB/s", f"{ratio:.2f}"]
        rows.append(row)
    return markdown(rows)


if __name__ == "__main__":
    main()
