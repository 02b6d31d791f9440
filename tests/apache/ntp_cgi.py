"""
A small ntp.cgi, written from the API document alone: it shares no line with the package.

Apache runs it once a request. What was set is kept in a file beside it, so
that a read after a write shows it.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

STATE = Path(__file__).with_name("state.json")

FACTORY: dict[str, Any] = {
    "enabled": True,
    "NTSEnabled": False,
    "NTSKEServerCACerts": [],
    "serversSource": "DHCP",
    "staticServers": ["192.168.0.80"],
    "staticNTSKEServers": [],
    "minpoll": 6,
    "maxpoll": 10,
}
MEASURED: dict[str, Any] = {
    "maxSupportedStaticServers": 5,
    "advertisedServers": ["ntp.someserver.com", "12.7.232.11"],
    "synced": True,
    "timeToNextSync": 1234,
    "timeOffset": -12.34,
}
VERSIONS = ["1.0", "1.5"]
MESSAGES = {
    2000: "Invalid request",
    3000: "Invalid JSON data",
    4000: "Method does not exist",
    4001: "The specified version is not supported",
    4002: "Authorization failed",
    4003: "Missing parameter(s)",
    4004: "Invalid parameter(s)",
}
SUB_CODES = {
    "enabled": 1,
    "serversSource": 2,
    "staticServers": 3,
    "NTSEnabled": 5,
    "staticNTSKEServers": 6,
    "minpoll": 7,
    "maxpoll": 8,
    "NTSKEServerCACerts": 9,
}


class RefusedError(Exception):
    """An error of the document's table, with its sub code if it has one."""

    def __init__(self, code: int, sub_code: int | None = None) -> None:
        super().__init__(code, sub_code)
        self.object: dict[str, Any] = {"code": code, "message": MESSAGES[code]}
        if sub_code is not None:
            self.object["details"] = {"subCode": sub_code}


def is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def is_valid(name: str, value: Any) -> bool:
    if name in {"enabled", "NTSEnabled"}:
        return isinstance(value, bool)
    if name == "serversSource":
        return value in {"DHCP", "static"}
    if name in {"minpoll", "maxpoll"}:
        return type(value) is int and 0 <= value <= 24
    if not is_list_of_names(value):
        return False
    return name == "NTSKEServerCACerts" or len(value) <= MEASURED["maxSupportedStaticServers"]


def configuration() -> dict[str, Any]:
    return dict(json.loads(STATE.read_text())) if STATE.exists() else FACTORY


def configure(params: dict[str, Any]) -> None:
    if not params:
        raise RefusedError(4003)
    for name, value in params.items():
        if name in SUB_CODES and not is_valid(name, value):
            raise RefusedError(4004, SUB_CODES[name])
    changed = configuration() | {name: params[name] for name in params if name in SUB_CODES}
    if changed["minpoll"] > changed["maxpoll"]:
        raise RefusedError(4004, SUB_CODES["minpoll"])
    written = STATE.with_suffix(".new")
    written.write_text(json.dumps(changed))
    written.replace(STATE)


def answer_to(request: Any) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise RefusedError(2000)
    method, version = request.get("method"), request.get("apiVersion")
    if os.environ.get("REMOTE_USER") == "viewer":
        raise RefusedError(4002)
    if method == "getSupportedVersions":
        return {"apiVersions": VERSIONS}
    if method is None or version is None:
        raise RefusedError(4003)
    if not re.fullmatch(r"1\.\d+", str(version)):
        raise RefusedError(4001)
    if method == "getNTPInfo":
        return {"client": configuration() | MEASURED}
    if method == "setNTPClientConfiguration":
        configure(request.get("params", {}))
        return {}
    raise RefusedError(4000)


def reply_to(body: bytes) -> dict[str, Any]:
    request: Any = None
    try:
        request = json.loads(body)
        reply = {"data": answer_to(request)}
    except ValueError:
        reply = {"error": RefusedError(3000).object}
    except RefusedError as refused:
        reply = {"error": refused.object}
    told = request if isinstance(request, dict) else {}
    echoed = {name: told[name] for name in ("context", "method") if name in told}
    return {"apiVersion": VERSIONS[-1]} | echoed | reply


def main() -> None:
    if os.environ["REQUEST_METHOD"] != "POST":
        sys.stdout.write("Status: 405 Method Not Allowed\r\nAllow: POST\r\n\r\n")
        return
    body = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH") or 0))
    sys.stdout.write("Content-Type: application/json\r\n\r\n" + json.dumps(reply_to(body)))


main()
