"""`python -m monitoring.alerts.delivery.sender`: one attempt to send one message, in a process of
its own.

It reads a parcel as JSON from standard input and writes the outcome as JSON. Whatever a service's
library does (hang, leak, resolve, redirect) ends with this process. Before anything is sent, a
hook of the interpreter is installed through which every connection passes: it judges the address
that is really connected to, so that no redirect and no second look-up leads elsewhere
(`monitoring/addresses.py`), and refuses local sockets and programs.
"""

import hashlib
import hmac
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from monitoring.addresses import AddressRefused, judge

CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Guard:
    """Judges every address before it is connected to; keeps the last refusal, which libraries
    swallow."""

    def __init__(self) -> None:
        self.refusal = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook (PEP 578)."""
        if event in _PROGRAMS:
            self._refuse("A channel may not start programs.")
        if event in _CONNECTIONS:
            self._judge(*arguments)

    def _judge(self, connection: socket.socket, address: Any = None, *rest: Any) -> None:
        if address is None:  # an earlier connect was judged
            return
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse("A channel may not use local sockets.")
        try:
            judge(ip_address(str(address[0]).split("%")[0]))
        except ValueError:
            self._refuse("An address that was not resolved cannot be judged.")
        except AddressRefused as refused:
            self._refuse(str(refused))

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        raise PermissionError(reason)


def signed_headers(secret: str, message_id: str, body: bytes, now: int) -> dict[str, str]:
    """What the receiver of a webhook checks (docs/alerts.md)."""
    signature = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Tollgate",
        "X-Tollgate-Id": message_id,
        "X-Tollgate-Timestamp": str(now),
        "X-Tollgate-Signature": f"sha256={signature}",
    }


def send_webhook(parcel: Mapping[str, Any]) -> dict[str, Any]:
    """POST the signed JSON; any status of 200 to 299 means accepted, no redirect is followed."""
    import requests

    body = json.dumps(parcel["content"], ensure_ascii=False).encode()
    headers = signed_headers(parcel["secret"], parcel["id"], body, int(time.time()))
    try:
        response = requests.post(
            parcel["address"],
            data=body,
            headers=headers,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
        )
    except requests.exceptions.ConnectTimeout as error:
        return _refused(f"no connection in time: {_reason(error)}")
    except (requests.exceptions.ReadTimeout, requests.exceptions.ChunkedEncodingError) as error:
        return {**_refused(f"no response in time: {_reason(error)}"), "is_uncertain": True}
    except requests.exceptions.SSLError as error:
        return _refused(f"TLS failed: {_reason(error)}")
    except requests.exceptions.ConnectionError as error:
        # Also when the other side closed after it had read.
        uncertain = "Connection aborted" in str(error)
        return {**_refused(f"no connection: {_reason(error)}"), "is_uncertain": uncertain}
    text = " ".join(response.text[:200].split())
    return {
        "accepted": 200 <= response.status_code < 300,
        "response": f"{response.status_code} {response.reason} {text}".strip(),
    }


def send_by_apprise(parcel: Mapping[str, Any]) -> dict[str, Any]:
    """Notify by Apprise; its log is the only place that has what the other side said."""
    import apprise

    log = _CapturedLog()
    logger = logging.getLogger("apprise")
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    asset = apprise.AppriseAsset(app_id="Tollgate", app_desc="Tollgate", plugin_paths=[])
    service = apprise.Apprise(asset=asset)
    if not service.add(parcel["address"]):
        return _refused("Apprise does not understand this address.")
    accepted = service.notify(
        title=parcel["title"], body=parcel["text"], notify_type=parcel["level"]
    )
    said = log.said()
    uncertain = not accepted and "timed out" in said.lower()
    return {
        "accepted": bool(accepted),
        "response": said or ("accepted" if accepted else "not accepted, without a reason"),
        "is_uncertain": uncertain,
    }


class _CapturedLog(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def said(self) -> str:
        return " ".join(" ".join(self._lines).split())[:500]


def _refused(reason: str) -> dict[str, Any]:
    return {"accepted": False, "response": reason, "is_uncertain": False}


def _reason(error: BaseException) -> str:
    """The innermost cause, which names what happened."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return str(error)


def main() -> None:
    """Send what standard input holds."""
    from django.conf import settings

    parcel = json.load(sys.stdin)
    # No app is set up here, which translations would need.
    settings.configure(PRIVATE_PROVIDER_NETWORKS=parcel["networks"], USE_I18N=False)
    guard = Guard()
    sys.addaudithook(guard)
    send = send_webhook if parcel["kind"] == "webhook" else send_by_apprise
    try:
        outcome = send(parcel)
    except Exception as error:  # a library's fault is this channel's alone
        outcome = _refused(f"{type(error).__name__}: {error}")
    if guard.refusal and not outcome["accepted"]:
        outcome = _refused(guard.refusal)
    sys.stdout.write(json.dumps(outcome))
    sys.stdout.flush()
    os._exit(0)  # no library's thread holds it up


if __name__ == "__main__":
    main()
