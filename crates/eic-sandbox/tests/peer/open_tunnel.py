"""Opens a tunnel through an endpoint and connects it to stdin and stdout.

A client that shares no code with this project: botocore signs, Python's ssl and a few lines of
RFC 6455 speak. Usage: open_tunnel.py PRIVATE_IP [PORT [MAX_DURATION]]
"""

import base64
import os
import socket
import ssl
import struct
import sys
import threading
from urllib.parse import urlencode

import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest


class TunnelAuth(SigV4QueryAuth):
    """Signs the hash of an empty body, as the endpoint wants it."""

    def payload(self, request):
        return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def signed_url(session, address, port, duration):
    endpoint = session.create_client("ec2").describe_instance_connect_endpoints()
    endpoint = endpoint["InstanceConnectEndpoints"][0]
    query = {
        "instanceConnectEndpointId": endpoint["InstanceConnectEndpointId"],
        "remotePort": port,
        "privateIpAddress": address,
    }
    if duration:
        query["maxTunnelDuration"] = duration
    url = f"wss://{endpoint['DnsName']}/openTunnel?{urlencode(query)}"
    request = AWSRequest(method="GET", url=url)
    credentials = session.get_credentials()
    region = session.get_config_variable("region")
    TunnelAuth(credentials, "ec2-instance-connect", region, expires=60).add_auth(request)
    return request.url


def connect(url):
    host, _, path = url.removeprefix("wss://").partition("/")
    name, port = host.split(":")
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    plain = socket.create_connection((name, int(port)))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = context.wrap_socket(plain, server_hostname=name)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: peer\r\n\r\n".encode()
    )
    reader = stream.makefile("rb")
    status = reader.readline().decode().strip()
    headers = {}
    while line := reader.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if " 101 " not in status:
        body = reader.read(int(headers.get("content-length", 0))).decode()
        sys.exit(f"{status} [{'x-amzn-requestid' in headers}] {body}")
    return stream, reader


def send(stream, lock, opcode, data):
    mask = os.urandom(4)
    size = len(data)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    pattern = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    masked = (int.from_bytes(data, "big") ^ pattern).to_bytes(size, "big")
    with lock:
        stream.sendall(bytes([0x80 | opcode]) + length + mask + masked)


def receive(reader):
    first, size = reader.read(2)
    if size == 126:
        (size,) = struct.unpack(">H", reader.read(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", reader.read(8))
    return first & 0x0F, reader.read(size)


def upload(stream, lock):
    while data := os.read(0, 32768):
        send(stream, lock, 2, data)
    send(stream, lock, 8, struct.pack(">H", 1000))


def main():
    address, port, duration, *_ = sys.argv[1:] + ["22", ""][len(sys.argv) - 2 :]
    stream, reader = connect(signed_url(botocore.session.get_session(), address, port, duration))
    lock = threading.Lock()
    threading.Thread(target=upload, args=(stream, lock), daemon=True).start()
    while True:
        opcode, data = receive(reader)
        if opcode in (0, 2):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif opcode == 9:
            send(stream, lock, 10, data)
        elif opcode == 8:
            code = struct.unpack(">H", data[:2])[0] if data else 1005
            # The normal end is silent: whether `ssh` still reads our stderr by then is a matter of luck.
            if code != 1000:
                print(f"closed {code} {data[2:].decode()}", file=sys.stderr)
            os._exit(0 if code == 1000 else 1)


main()
