"""How long a typed key takes to show, through a pseudo-terminal and a real sshd, by eic-term and OpenSSH.

Started by `scripts/bench echo`. A key comes as often as a held one repeats, in one session at a time, as a person has it;
`--pause` sets another pace: with faster keys the caches and the CPU are warmer, for all programs. Sessions are short and in
random order, as each has its place in memory as long as it lives and a machine its moods. The remote side is `cat` in raw
mode: nothing but the way there and back counts.

sshd has libraries of its own: else ssh would bring those into the caches that sshd needs next, which it does for no host that
is another machine. Shared, sshd takes a key from ssh in three quarters of the time that it takes for others.
"""

import argparse
import getpass
import json
import os
import pty
import random
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

from bench_support import WEB, address_of, binary, in_region, machine, markdown, ssh

KEYS = 1000
PAUSE = 30  # Milliseconds from an echo to the next key.
KEYS_EACH = 100  # In a session.
WARMING = 10  # Keys of a session that do not count.
REMOTE = "stty raw -echo; echo ready; exec cat"
PATIENCE = 20  # Seconds until a key that does not show is an error.


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench echo")
    parser.add_argument("--keys", type=int, default=KEYS, help="keys typed into each [default: %(default)s]")
    parser.add_argument("--pause", type=float, default=PAUSE, help="milliseconds between keys [default: %(default)s]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(programs(Path(args.inside), args.user), args.keys, args.pause / 1000)))
        return
    arguments = ["--keys", str(args.keys), "--pause", str(args.pause), "--user", args.user]
    with tempfile.TemporaryDirectory() as libraries:
        copied = copy_libraries("sshd", libraries)
        print(table(in_region(__file__, 0, arguments, libraries=libraries if copied else None)))
    print(f"\nFrom a key to its echo, {args.keys} keys each, one every {args.pause:g} ms; {machine()}")


def copy_libraries(program, folder):
    """Puts the shared libraries of a program into a folder, and says whether it has some."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not path or not shutil.which("ldd"):
        return False
    listed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    libraries = re.findall(r"=> (/\S+)", listed)
    for library in libraries:
        shutil.copy(library, folder)
    return bool(libraries)


def measure(commands, keys, pause):
    """Seconds of every key by program."""
    seconds = {name: [] for name in commands}
    for start in range(0, keys, KEYS_EACH):
        for name in random.sample(list(commands), len(commands)):
            seconds[name] += alone(commands[name], min(KEYS_EACH, keys - start), pause)
    return seconds


def alone(command, keys, pause):
    """Seconds of every key in a session of its own."""
    session = Session(command)
    seconds = []
    for _ in range(WARMING + keys):
        time.sleep(pause)
        seconds.append(session.echo())
    session.end()
    return seconds[WARMING:]


def programs(folder, user):
    """The command lines, by what the table calls them."""
    eic_term, address, port = binary("eic-term"), *address_of(WEB)
    through = ["--connection-type", "eice", "-p", "22"]
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    return {
        "direct: eic-term": [eic_term, "exec", "-t", f"{user}@{WEB}", "--", REMOTE],
        "direct: ssh": [*ssh(folder), "-tt", "-p", port, f"{user}@{address}", REMOTE],
        "endpoint: eic-term": [eic_term, "exec", "-t", *through, f"{user}@{WEB}", "--", REMOTE],
        "endpoint: ssh over eic-term tunnel": [*ssh(folder), "-tt", *proxy, f"{user}@{WEB}", REMOTE],
    }


class Session:
    """A program in a pseudo-terminal of its own, whose remote side sends back what is typed."""

    def __init__(self, command):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvp(command[0], command)
        os.set_inheritable(self.terminal, False)
        shown = b""
        while b"ready" not in shown:
            shown += self.read(command)
        tty.setraw(self.terminal, termios.TCSANOW)

    def echo(self):
        """Types a key and returns the seconds until it shows."""
        start = time.perf_counter()
        os.write(self.terminal, b"x")
        while b"x" not in self.read("a key"):
            pass
        return time.perf_counter() - start

    def end(self):
        """Closes the window, and waits for the program."""
        os.close(self.terminal)
        os.waitpid(self.process, 0)

    def read(self, what):
        if not select.select([self.terminal], [], [], PATIENCE)[0]:
            sys.exit(f"nothing shown after {what}")
        return os.read(self.terminal, 4096)


def table(seconds):
    rows = [["program", "median", "99th percentile", "median to ssh's"]]
    for name, taken in seconds.items():
        way = name.split(":")[0]
        base = next(other for key, other in seconds.items() if key.startswith(f"{way}: ssh"))
        median, slow = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        ratio = median / statistics.median(base)
        rows.append([name, f"{median * 1e6:.0f} µs", f"{slow * 1e6:.0f} µs", f"{ratio:.2f}"])
    return markdown(rows)


if __name__ == "__main__":
    main()
