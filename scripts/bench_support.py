"""What the benchmarks share: regions to measure in, and the command lines of the programs compared."""

import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = "i-0e1c0000000000001"  # Of the sandbox's fleet: the one with a public and a private address.


def in_region(script, rtt, arguments, options=("--sshd",), libraries=None):
    """Runs a script, with a folder that holds a key, in a region with these options, whose instances know the key;
    returns what it prints, which is JSON. The region's programs, sshd among them, take their libraries from a folder, if
    one is named; the script does not."""
    # In memory where that can be: the disk is not what is compared.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        key = Path(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        command = [binary("eic-sandbox"), "run", "--rtt", f"{rtt}ms"]
        command += ["--authorized-key", f"{key}.pub", *options, "--"]
        environment = dict(os.environ)
        if libraries:
            environment["LD_LIBRARY_PATH"] = libraries
            command += ["env", "-u", "LD_LIBRARY_PATH"]
        command += [sys.executable, script, "--inside", folder, *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(done.returncode)  # It has said why.
    return json.loads(done.stdout)


def positive(text):
    """An argument that is a whole number above zero."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def ssh(folder):
    """OpenSSH with the region's key: nothing of the user's own, no connection shared, no question asked."""
    return ["ssh", "-i", folder / "key", *ssh_options(folder)]


def ssh_options(folder):
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


def address_of(instance):
    """Where the region's instance is reached directly: its address, and its port from the config file."""
    config = tomllib.loads(Path(os.environ["EIC_TERM_CONFIG"]).read_text())
    entry = next(entry for entry in config["target"] if instance in entry["match"])
    return entry["match"][-1], str(entry["port"])


def machine():
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.split(",")[0]
    return f"{version}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}."


def markdown(rows):
    """Rows of a table, the first its header."""
    lines = [rows[0], ["---"] + ["---:"] * (len(rows[0]) - 1), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def binary(name):
    """The build of one of ours that is measured."""
    folder = os.environ.get("BINARIES")
    return str(Path(folder) / name if folder else target_folder() / "release" / name)


@functools.cache
def target_folder():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(output)["target_directory"])
