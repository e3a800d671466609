"""How long a typed key takes to show, through a pseudo-terminal and a real sshd, by eic-term and OpenSSH.

Started by `scripts/bench echo`. A key comes as often as a held one repeats, in one session at a time, as a person has it;
`--pause` sets another pace: with faster keys the caches and the CPU are warmer, for all programs. Sessions are short and in
random order, as each has its place in memory as long as it lives and a machine its moods. The remote side is `cat` in raw
mode: nothing but the way there and back counts.

Directly, sshd has the client's own connection: the sandbox, which passes bytes on to an sshd, is on the endpoint's way only.
What is first on the PATH is measured, so another version of OpenSSH, too, from a folder where its packages are unpacked.

sshd has libraries of its own: else ssh would bring those into the caches that sshd needs next, which it does for no host that
is another machine. Shared, sshd takes a key from ssh in three quarters of the time that it takes for others.
"""

import argparse
import getpass
import itertools
import json
import os
import pty
import random
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty
from pathlib import Path

from bench_support import WEB, binary, in_region, machine, markdown, positive, ssh

KEYS = 1000
PAUSE = 30  # Milliseconds from an echo to the next key.
KEYS_EACH = 25  # In a session.
WARMING = 10  # Keys of a session that do not count.
REMOTE = "stty raw -echo; echo ready; exec cat"
ALONE = "i-0e1c0000000000a10"  # What eic-term takes the server of the direct way for.
PATIENCE = 20  # Seconds until a key that does not show is an error.
RESAMPLED = 1000  # Times, for the bounds of a ratio.


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench echo")
    parser.add_argument("--keys", type=positive, default=KEYS, help="keys typed into each [default: %(default)s]")
    parser.add_argument("--pause", type=float, default=PAUSE, help="milliseconds between keys [default: %(default)s]")
    parser.add_argument("--each", type=positive, default=KEYS_EACH, help="keys in a session [default: %(default)s]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--only", choices=["direct", "endpoint"], help="one of the ways [default: both]")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--libraries", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(inside(Path(args.inside), args)))
        return
    arguments = ["--keys", str(args.keys), "--pause", str(args.pause), "--each", str(args.each), "--user", args.user]
    arguments += ["--only", args.only] if args.only else []
    with tempfile.TemporaryDirectory() as libraries:
        for program in (sshd(), *parts().values()):
            copy_libraries(program, libraries)
        libraries = libraries if os.listdir(libraries) else None
        if libraries:
            arguments += ["--libraries", libraries]
        print(table(in_region(__file__, 0, arguments, libraries=libraries)))
    print(f"\nFrom a key to its echo, {args.keys} keys each, one every {args.pause:g} ms; {machine()}")


def sshd():
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin") or sys.exit("there is no sshd")


def parts():
    """The programs that an sshd in a folder of its own is made of, from OpenSSH 9.8 on, by the setting that says where."""
    folder = Path(sshd()).parent.parent / "lib/openssh"
    found = {"SshdSessionPath": folder / "sshd-session", "SshdAuthPath": folder / "sshd-auth"}
    return {setting: path for setting, path in found.items() if path.exists()}


def copy_libraries(program, folder):
    """Puts the shared libraries of a program into a folder, where it can be said which they are."""
    if shutil.which("ldd"):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        for library in re.findall(r"=> (/\S+)", listed):
            shutil.copy(library, folder)


def inside(folder, args):
    server = Server(folder, args.libraries)
    commands = programs(folder, args.user, server.port)
    measured = {name: command for name, command in commands.items() if name.startswith(args.only or "")}
    return measure(measured, args.keys, args.each, args.pause / 1000)


def measure(commands, keys, each, pause):
    """Seconds of every key by program, a list for each session; the first ones were beside each other, and so on."""
    seconds = {name: [] for name in commands}
    for start in range(0, keys, each):
        for name in random.sample(list(commands), len(commands)):
            seconds[name].append(alone(commands[name], min(each, keys - start), pause))
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


def programs(folder, user, port):
    """The command lines, by what the table calls them."""
    eic_term, key = binary("eic-term"), folder / "key"
    direct = ["--connection-type", "direct", "--instance-ip", "127.0.0.1", "-p", port, "-i", key, "--host-key", "accept-new"]
    through = ["--connection-type", "eice", "-p", "22"]
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    directly = [*ssh(folder), "-tt", "-p", port, f"{user}@127.0.0.1"]
    commands = {
        "direct: eic-term": [eic_term, "exec", "-t", *direct, f"{user}@{ALONE}", "--", REMOTE],
        "direct: ssh": [*directly, REMOTE],
    }
    at_once = ["-o", "ObscureKeystrokeTiming=no"]
    if subprocess.run([*directly, "-G", *at_once], capture_output=True).returncode == 0:
        commands["direct: ssh, ObscureKeystrokeTiming=no"] = [*directly, *at_once, REMOTE]
    return {
        **commands,
        "endpoint: eic-term": [eic_term, "exec", "-t", *through, f"{user}@{WEB}", "--", REMOTE],
        "endpoint: ssh over eic-term tunnel": [*ssh(folder), "-tt", *proxy, f"{user}@{WEB}", REMOTE],
    }


class Server:
    """OpenSSH's server at a port of its own, on loopback: one `sshd -i` a connection. It ends with this process."""

    def __init__(self, folder, libraries):
        self.environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else None
        host_key, config = folder / "host_key", folder / "sshd_config"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
        lines = [f"HostKey {host_key}", f"AuthorizedKeysFile {folder / 'key.pub'}", "StrictModes no", "UsePAM no", "UseDNS no"]
        lines += ["PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no"]
        lines += [f"{setting} {path}" for setting, path in parts().items()] + [""]
        config.write_text("\n".join(lines))
        folder.chmod(0o755)
        self.command = [sshd(), "-i", "-f", config]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        served = []
        while True:
            connection, _ = self.listener.accept()
            with connection:
                served = [one for one in served if one.poll() is None]
                streams = {"stdin": connection, "stdout": connection, "stderr": subprocess.DEVNULL}
                served.append(subprocess.Popen(self.command, env=self.environment, **streams))


class Session:
    """A program in a pseudo-terminal of its own, whose remote side sends back what is typed."""

    def __init__(self, command):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvp(command[0], command)
        os.set_inheritable(self.terminal, False)
        self.shown = b""
        while b"ready" not in self.shown:
            self.shown += self.read("the start")
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
            self.give_up(f"nothing was shown after {what}")
        try:
            return os.read(self.terminal, 4096)
        except OSError:  # Nobody has the other end of the terminal any more.
            self.give_up(f"a program ended after {what}")

    def give_up(self, why):
        sys.exit(f"{why}; at first it said: {self.shown.decode(errors='replace').strip()}")


def table(seconds):
    rows = [["program", "median", "99th percentile", "median to ssh's", "99th percentile to ssh's"]]
    for name, sessions in seconds.items():
        way = name.split(":")[0]
        base = next(key for key in seconds if key.startswith(f"{way}: ssh"))
        figures = [f"{figure(sessions) * 1e6:.0f} µs" for figure in (median, slow)]
        ratios = ["1.00"] * 2 if name == base else [ratio(figure, sessions, seconds[base]) for figure in (median, slow)]
        rows.append([name, *figures, *ratios])
    return markdown(rows)


def median(sessions):
    return statistics.median(itertools.chain(*sessions))


def slow(sessions):
    return statistics.quantiles(itertools.chain(*sessions), n=100)[98]


def ratio(figure, sessions, base):
    """Of ours to theirs, and between what it lies in 95 of 100 cases: the bootstrap of both by pairs of sessions."""
    pairs = list(zip(sessions, base))
    others = (zip(*random.choices(pairs, k=len(pairs))) for _ in range(RESAMPLED))
    bounds = statistics.quantiles((figure(ours) / figure(theirs) for ours, theirs in others), n=40)
    return f"{figure(sessions) / figure(base):.2f} ({bounds[0]:.2f} to {bounds[-1]:.2f})"


if __name__ == "__main__":
    main()
