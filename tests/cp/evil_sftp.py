#!/usr/bin/env python3
"""An SFTP server (version 3) that tells one lie, named as its argument, about a folder called `evil`."""
import struct
import sys

LIE = sys.argv[1]
FOLDER, FILE, LINK = 0o40755, 0o100644, 0o120777
CONTENT = b"good content"


def string(value):
    return struct.pack(">I", len(value)) + value


def attributes(mode, size=len(CONTENT)):
    return struct.pack(">IQI2I", 1 | 4 | 8, size, mode, 7, 7)


def send(kind, number, body=b""):
    packet = bytes([kind]) + struct.pack(">I", number) + body
    sys.stdout.buffer.write(string(packet))
    sys.stdout.buffer.flush()


def status(number, code):
    send(101, number, struct.pack(">I", code) + string(b"no\x1b[2J") + string(b""))


def entries(path):
    """The names of a folder: bytes, mode and size."""
    good = [(b"good", FILE, len(CONTENT))]
    if LIE == "names":
        bad = [b"..", b"../escaped", b"/tmp/escaped", b"a/b", b"", b".", b"nul\0byte", b"x" * 300, b"../../escaped"]
        return good + [(name, FILE, len(CONTENT)) for name in bad] + [(b"../../escaped", FOLDER, 0)]
    if LIE == "folder-over-link":
        return good + [(b"way", FOLDER, 0)] if path == b"evil" else [(b"escaped", FILE, len(CONTENT))]
    if LIE == "wrong-kind":
        return good + [(b"folder", FILE, 5), (b"file", FOLDER, 0)] if path == b"evil" else None
    if LIE == "deep":
        return good + [(b"x", FOLDER, 0)] if path == b"evil" else [(b"x", FOLDER, 0)]
    if LIE == "ends-early":
        return [(b"good", FILE, len(CONTENT)), (b"cut", FILE, 1 << 40)]
    if LIE == "endless-data":
        return [(b"good", FILE, 1 << 20)]
    return good


def read(number, path, offset, length):
    if LIE == "too-much-data":
        return send(103, number, string(b"x" * (length + 1000)))
    if LIE == "endless-data":
        return send(103, number, string(b"x" * length))
    if path.endswith((b"folder", b"file")):
        return status(number, 4)
    content = CONTENT[:4] if path.endswith(b"cut") else CONTENT
    part = content[offset:offset + (1 if LIE == "short-reads" else length)]
    return send(103, number, string(part)) if part else status(number, 1)


def serve():
    listed, handles, count = set(), {}, 0
    stdin = sys.stdin.buffer
    while True:
        head = stdin.read(4)
        if len(head) < 4:
            return
        packet = stdin.read(struct.unpack(">I", head)[0])
        kind = packet[0]
        if kind == 1:
            sys.stdout.buffer.write(string(b"\2" + struct.pack(">I", 3)))
            sys.stdout.buffer.flush()
            continue
        number, rest = struct.unpack(">I", packet[1:5])[0], packet[5:]
        size = struct.unpack(">I", rest[:4])[0]
        word, rest = rest[4:4 + size], rest[4 + size:]
        path = handles.get(word, word)
        if kind in (7, 8, 17):
            is_folder = path in (b"evil", b".") or path.endswith((b"/x", b"/file", b"/way")) and kind != 8
            true_size = 1 << 40 if path.endswith(b"cut") else len(CONTENT)
            send(105, number, attributes(FOLDER if is_folder else FILE, true_size))
        elif kind in (3, 11):
            if LIE == "wrong-id":
                send(102, number + 7, string(b"h"))
            elif LIE == "huge-packet":
                sys.stdout.buffer.write(struct.pack(">I", 0xFFFFFFF0) + b"x" * 100)
                sys.stdout.buffer.flush()
            elif kind == 11 and path.endswith(b"/file"):
                status(number, 4)
            else:
                count += 1
                handle = b"h%d" % count
                handles[handle] = path
                send(102, number, string(handle))
        elif kind == 12:
            found = entries(path) if word not in listed else None
            listed.add(word)
            if LIE == "endless-names":
                found = [(b"good", FILE, len(CONTENT))] * 2000
            if found is None:
                status(number, 1)
            else:
                names = b"".join(string(name) + string(b"") + attributes(mode, size) for name, mode, size in found)
                send(104, number, struct.pack(">I", len(found)) + names)
        elif kind == 5:
            read(number, path, *struct.unpack(">QI", rest))
        elif kind == 19:
            send(104, number, struct.pack(">I", 1) + string(b"..") + string(b"") + attributes(LINK))
        elif kind == 16:
            send(104, number, struct.pack(">I", 1) + string(b"/" + word) + string(b"") + attributes(FOLDER))
        elif kind == 4:
            handles.pop(word, None)
            status(number, 0)
        else:
            status(number, 8)


serve()
