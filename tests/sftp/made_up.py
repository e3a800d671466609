"""An SFTP server whose one folder has names in it that none can have."""
import struct, sys

NAMES = [b"../evil", b"/tmp/evil-sftp", b"a/b", b"..", b".", b"", b"nul\0", b"ok", b"\x1b[2Jred"]

def text(value):
    return struct.pack(">I", len(value)) + value

def send(kind, number, rest):
    packet = bytes([kind]) + struct.pack(">I", number) + rest
    sys.stdout.buffer.write(struct.pack(">I", len(packet)) + packet)
    sys.stdout.buffer.flush()

def attributes(folder):
    return struct.pack(">IQI", 5, 3, 0o040755 if folder else 0o100644)

def status(code):
    return struct.pack(">I", code) + text(b"") + text(b"")

listed = False
while True:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        break
    packet = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    kind, number = packet[0], struct.unpack(">I", packet[1:5])[0]
    path = packet[9:9 + struct.unpack(">I", packet[5:9])[0]] if len(packet) > 8 else b""
    if kind == 1:
        send(2, 3, b"")
    elif kind == 16:
        send(104, number, struct.pack(">I", 1) + text(b"/" if path == b"." else path) * 2 + attributes(True))
    elif kind in (7, 17):
        send(105, number, attributes(path in (b"/", b"/x")))
    elif kind in (3, 11):
        listed = False
        send(102, number, text(b"handle"))
    elif kind == 12 and not listed:
        listed = True
        names = b"".join(text(name) + text(name) + attributes(False) for name in NAMES)
        send(104, number, struct.pack(">I", len(NAMES)) + names)
    elif kind == 5 and packet[-12:-4] == bytes(8):
        send(103, number, text(b"abc"))
    else:
        send(101, number, status(0 if kind == 4 else 1))
