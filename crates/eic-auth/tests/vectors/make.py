#!/usr/bin/env python3
"""Makes presign.json: tunnel URLs signed by botocore, the way AWS CLI signs them
(awscli/customizations/ec2instanceconnect/eicesigner.py).

    pip install botocore && python3 make.py > presign.json
"""

import datetime
import json
import sys
from unittest import mock
from urllib.parse import urlencode

from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

SERVICE = "ec2-instance-connect"
TIME = datetime.datetime(2026, 11, 21, 9, 8, 7, tzinfo=datetime.timezone.utc)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/=="
HOST = "eice-0123456789abcdef0.d7ab7c86.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com"

DEFAULT = {
    "host": HOST,
    "endpoint_id": "eice-0123456789abcdef0",
    "address": "10.0.0.7",
    "port": 22,
    "max_duration": None,
    "region": "eu-west-1",
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": SECRET,
    "session_token": None,
}

CASES = {
    "plain": {},
    "session token": {"session_token": TOKEN},
    "max duration": {"max_duration": 3600},
    "max duration and session token": {"max_duration": 1, "session_token": TOKEN},
    "remote desktop": {"port": 3389},
    "ipv6": {"address": "2001:db8::7"},
    "ipv6 and session token": {"address": "2600:1f18:1a2b:3c4d:5e6f:7081:92a3:b4c5", "session_token": TOKEN},
    "fips": {
        "host": "eice-0123456789abcdef0.d7ab7c86.fips.ec2-instance-connect-endpoint.us-gov-west-1.amazonaws.com",
        "region": "us-gov-west-1",
    },
    "host with port": {"host": "localhost:40123"},
    "host with the default port": {"host": "eice.example:443"},
    "ipv4 host with port": {"host": "127.0.0.1:40123"},
    "ipv6 host with port": {"host": "[::1]:40123"},
    "special characters": {
        "secret_access_key": "a/b+c=d e%f&g~h\u00fc",
        "session_token": "a/b+c=d e%f&g?h#i~j-k_l.m*n'o(p)q!r\u00fc",
    },
}


def sign(case):
    query = {
        "instanceConnectEndpointId": case["endpoint_id"],
        "remotePort": case["port"],
        "privateIpAddress": case["address"],
    }
    if case["max_duration"]:
        query["maxTunnelDuration"] = case["max_duration"]
    # The signer holds it weakly.
    emitter = HierarchicalEmitter()
    signer = RequestSigner(
        service_id=ServiceId(SERVICE),
        region_name=case["region"],
        signing_name=SERVICE,
        signature_version="v4",
        credentials=Credentials(case["access_key_id"], case["secret_access_key"], case["session_token"]),
        event_emitter=emitter,
    )
    request = {
        "body": "",
        "context": {},
        "headers": {},
        "method": "GET",
        "query_string": "",
        "url_path": "/",
        "url": f"wss://{case['host']}/openTunnel?{urlencode(query)}",
    }
    with mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: TIME.replace(tzinfo=None)):
        return signer.generate_presigned_url(request, operation_name="", region_name=case["region"], expires_in=60)


def main():
    vectors = []
    for name, changes in CASES.items():
        case = {**DEFAULT, **changes}
        vectors.append({"name": name, "time": int(TIME.timestamp()), **case, "url": sign(case)})
    json.dump(vectors, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
