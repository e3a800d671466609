"""How fast files are copied, by eic-term cp, scp, sftp and rsync.

Started by `scripts/bench files`. The programs take turns in a region with a real sshd, with the same cipher: one large file
without a delay and with one, and many small files without a delay and with one; and eic-term through the endpoint.
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

from bench_support import WEB, address_of, binary, in_region, machine, markdown, positive, ssh, ssh_options

RUNS = 3
CIPHER = "aes128-gcm@openssh.com"  # As eic-term's own, where the processor has AES instructions.
THROUGH = ["--connection-type", "eice", "-P", "22"]
# What is measured: the round trip in ms, the files, their size in bytes, and who is left out because it takes minutes.
CASES = {
    "large": (0, 1, 1 << 30, []),
    "large, 80 ms": (80, 1, 256 << 20, []),
    "many": (0, 10_000, 4 << 10, ["sftp"]),
    "many, 20 ms": (20, 10_000, 4 << 10, ["sftp"]),
}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench files")
    parser.add_argument("--runs", type=positive, default=RUNS, help="runs of each program [default: %(default)s]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--only", action="append", choices=CASES, help="only this case; may be repeated")
    parser.add_argument("--scale", type=positive, default=1, help="a fraction of the files: 10 is a tenth of them")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        [case] = args.only
        print(json.dumps(measure(Path(args.inside), case, args.runs, args.user, args.scale)))
        return
    for case in args.only or CASES:
        passed = ["--runs", str(args.runs), "--user", args.user, "--only", case, "--scale", str(args.scale)]
        results = in_region(__file__, CASES[case][0], passed)
        print(f"\n{describe(case, args.scale)}:\n\n{table(results)}", flush=True)
    print(f"\nMedians of {args.runs} runs, the login included, {CIPHER}; {machine()}")


def describe(case, scale):
    rtt, count, size, _ = CASES[case]
    count, size = sized(count, size, scale)
    what = f"{count} files of {size >> 10} KiB" if count > 1 else f"a file of {size >> 20} MiB"
    return f"{what}, {rtt} ms of round trip"


def sized(count, size, scale):
    return (count // scale, size) if count > 1 else (1, size // scale)


def measure(folder, case, runs, user, scale):
    """Seconds and MiB of memory by program, for the way there and the way back."""
    _, count, size, left_out = CASES[case]
    count, size = sized(count, size, scale)
    # Whoever logs in writes there, too.
    folder.chmod(0o777)
    source = folder / "source"
    source.mkdir()
    # A child's memory is no less than ours was at its start.
    noise = os.urandom(min(size, 1 << 20))
    for number in range(count):
        with (source / f"file-{number}").open("wb") as file:
            for _ in range(size // len(noise)):
                file.write(noise)
    commands = {name: command for name, command in programs(folder, user, source).items() if name not in left_out}
    results = {name: {"there": [], "back": [], "memory": []} for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            for way in ("there", "back"):
                target = folder / "target"
                shutil.rmtree(target, ignore_errors=True)
                if name == "sftp":
                    target.mkdir()
                    target.chmod(0o777)
                seconds, memory = timed(command(way, target))
                copied = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
                if copied != count * size:
                    sys.exit(f"{name}, {way}: {copied} bytes are there")
                results[name][way].append(seconds)
                results[name]["memory"].append(memory)
    return results


def programs(folder, user, source):
    """What makes a command line of a way and a target, by what the table calls it."""
    eic_term, (address, port) = binary("eic-term"), address_of(WEB)
    options = [*ssh_options(folder), "-i", folder / "key", "-c", CIPHER]
    remote = f"{user}@{address}"

    def ours(extra):
        def command(way, target):
            words = [f"{source}", f"{user}@{WEB}:{target}"] if way == "there" else [f"{user}@{WEB}:{source}", f"{target}"]
            return [eic_term, "cp", "-q", "-r", *extra, *words]
        return command

    def scp(way, target):
        words = [source, f"{remote}:{target}"] if way == "there" else [f"{remote}:{source}", target]
        return ["scp", "-q", "-r", "-P", port, *options, *words]

    def rsync(way, target):
        shell = " ".join(map(str, [*ssh(folder), "-c", CIPHER, "-p", port]))
        words = [f"{source}/", f"{remote}:{target}"] if way == "there" else [f"{remote}:{source}/", f"{target}"]
        return ["rsync", "-r", "--whole-file", "-e", shell, *words]

    def sftp(way, target):
        line = f"put -r {source}/. {target}" if way == "there" else f"get -r {source}/. {target}"
        batch = folder / "batch"
        batch.write_text(f"-mkdir {target}\n{line}\n")
        return ["sftp", "-q", "-b", batch, "-P", port, *options, remote]

    programs = {"eic-term cp": ours([]), "scp": scp, "sftp": sftp, "rsync": rsync}
    programs["eic-term cp, endpoint"] = ours(THROUGH)
    missing = [name for name in ("scp", "sftp", "rsync") if not shutil.which(name)]
    for name in missing:
        print(f"{name} is not installed: it is left out", file=sys.stderr)
    return {name: command for name, command in programs.items() if name not in missing}


def timed(command):
    """Seconds, and the most memory of the process itself in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command}: {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def table(results):
    rows = [["program", "there", "to scp", "back", "to scp", "memory"]]
    for name, taken in results.items():
        row = [name]
        for way in ("there", "back"):
            median = statistics.median(taken[way])
            base = statistics.median(results["scp"][way]) if "scp" in results else median
            row += [f"{median:.2f} s", f"{base / median:.2f}"]
        rows.append([*row, f"{max(taken['memory']):.0f} MiB"])
    return markdown(rows)


if __name__ == "__main__":
    main()
