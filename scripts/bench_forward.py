"""How fast bytes, and short connections, pass through `-L`, by eic-term and OpenSSH.

Started by `scripts/bench forward`. The programs take turns in one region with a real sshd. A server here sends 1 GiB
through each, takes as much, and answers short connections one after another.
"""

import argparse
import contextlib
import getpass
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench_support import WEB, address_of, binary, in_region, machine, markdown, positive, ssh

GIBIBYTE = 1 << 30
SHORT = 200
RUNS = 3
THROUGH = ["--connection-type", "eice", "-p", "22"]
BLOCK = b"\xa5" * (1 << 20)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench forward")
    parser.add_argument("--runs", type=positive, default=RUNS, help="runs of each program [default: %(default)s]")
    parser.add_argument("--user", default=getpass.getuser(), help="OS user to log in as [default: you]")
    parser.add_argument("--cipher", help="that OpenSSH takes [default: its own choice]")
    parser.add_argument("--inside", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(Path(args.inside), args.runs, args.user, args.cipher)))
        return
    passed = ["--runs", str(args.runs), "--user", args.user, *(["--cipher", args.cipher] if args.cipher else [])]
    print(table(in_region(__file__, 0, passed)))
    print(f"\nMedians of {args.runs} runs of 1 GiB and of {SHORT} short connections; {machine()}")


def measure(folder, runs, user, cipher):
    """Seconds by program and by what is done."""
    source, sink, echo = serve(send), serve(swallow), serve(answer)
    commands = programs(user, folder, ["-c", cipher] if cipher else [])
    seconds = {name: {"back": [], "there": [], "short": []} for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            with forwarded(command, source) as port:
                seconds[name]["back"].append(timed(lambda: receive(port)))
            with forwarded(command, sink) as port:
                seconds[name]["there"].append(timed(lambda: deliver(port)))
            with forwarded(command, echo) as port:
                seconds[name]["short"].append(timed(lambda: [ask(port) for _ in range(SHORT)]))
    return seconds


def programs(user, folder, cipher):
    """The command lines up to -L, by what the table calls them."""
    eic_term, address, port = binary("eic-term"), *address_of(WEB)
    proxy = ["-o", f"ProxyCommand='{eic_term}' tunnel %h"]
    return {
        "direct: eic-term forward": [eic_term, "forward", f"{user}@{WEB}"],
        "direct: ssh -N": [*ssh(folder), *cipher, "-N", "-p", port, f"{user}@{address}"],
        "endpoint: eic-term forward": [eic_term, "forward", *THROUGH, f"{user}@{WEB}"],
        "endpoint: ssh -N over eic-term tunnel": [*ssh(folder), *cipher, "-N", *proxy, f"{user}@{WEB}"],
    }


@contextlib.contextmanager
def forwarded(command, server):
    """A local port that leads to the server through a program."""
    port = free_port()
    spec = f"127.0.0.1:{port}:127.0.0.1:{server}"
    process = subprocess.Popen([*command, "-L", spec], stderr=subprocess.PIPE)
    try:
        while True:
            with contextlib.suppress(ConnectionRefusedError), connect(port):
                break
            if process.poll() is not None:
                sys.exit(f"{command}: {process.stderr.read()}")
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def connect(port):
    return socket.create_connection(("127.0.0.1", port))


def serve(handle):
    """Serves each connection by a thread; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        while True:
            threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def send(stream):
    with stream, contextlib.suppress(OSError):
        for _ in range(GIBIBYTE // len(BLOCK)):
            stream.sendall(BLOCK)


def swallow(stream):
    with stream:
        drain(stream)
        stream.sendall(b"all")


def answer(stream):
    with stream:
        while data := stream.recv(1 << 16):
            stream.sendall(data)


def drain(stream):
    buffer, count = bytearray(1 << 18), 0
    while got := stream.recv_into(buffer):
        count += got
    return count


def receive(port):
    with connect(port) as stream:
        assert drain(stream) == GIBIBYTE


def deliver(port):
    with connect(port) as stream:
        for _ in range(GIBIBYTE // len(BLOCK)):
            stream.sendall(BLOCK)
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(3, socket.MSG_WAITALL) == b"all"


def ask(port):
    with connect(port) as stream:
        stream.sendall(b"short")
        stream.shutdown(socket.SHUT_WR)
        assert drain(stream) == 5


def timed(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def table(seconds):
    rows = [["program", "there", "to ssh", "back", "to ssh", "short connection", "to ssh"]]
    for name, taken in seconds.items():
        way = name.split(":")[0]
        base = next(other for key, other in seconds.items() if key.startswith(f"{way}: ssh"))
        row = [name]
        for what in ("there", "back", "short"):
            median = statistics.median(taken[what])
            said = f"{median / SHORT * 1000:.1f} ms" if what == "short" else f"{1024 / median:.0f} MiB/s"
            row += [said, f"{statistics.median(base[what]) / median:.2f}"]
        rows.append(row)
    return markdown(rows)


if __name__ == "__main__":
    main()
