"""Every recorded management exchange through the proxy: the real server's responses reach the
caller byte for byte.

Responses that hold secrets are requested twice: revealed, they are the recorded bytes; masked, they
differ in secrets alone.
"""

import base64
import json
from http import HTTPStatus
from typing import Any

import pytest

from management_proxy.proxy import write_funnel
from management_proxy.proxy.rules.policy_table import rows_for_path
from tests.factories import RECORDINGS, Recording, make_upstream, recordings_in
from tests.management_proxy.proxied import URL, forget_everything, signed_in
from tests.management_proxy.scripted import Conversation, scripted_upstream

pytestmark = pytest.mark.django_db
EXCHANGES = [x for name in ("management.jsonl", "cooling.jsonl") for x in recordings_in(name)[name]]
# What the real server took or refused, and the proxy does not even send.
NOT_SENT = {
    "client keys put broken": "BODY_REFUSED",
    "excluded models wrong shape": "BODY_REFUSED",
    "config put empty map": "BODY_REFUSED",
    "compat put null": "CONFIRMATION_NEEDED",
    "oauth poll without state": "QUERY_INCOMPLETE",
    "oauth poll bad state": "LOGIN_UNKNOWN",
    "oauth callback unknown state": "LOGIN_UNKNOWN",
    "api call": "PATH_NOT_LISTED",
    "api call without url": "PATH_NOT_LISTED",
    "unknown GET no-such-route": "PATH_NOT_LISTED",
    "unknown POST usage-queue": "PATH_NOT_LISTED",
    "unknown HEAD usage-queue": "PATH_NOT_LISTED",
    "unknown GET usage": "PATH_NOT_LISTED",
    "unknown OPTIONS config": "METHOD_NOT_LISTED",
    "events of all this page 1": "PATH_NOT_LISTED",
    "events of all this page 2": "PATH_NOT_LISTED",
}
REVEAL = {"X-Tollgate-Reveal": "secrets"}
KEPT = ("Content-Disposition", "Content-Range", "Accept-Ranges", "Last-Modified")


class Replay:
    """A server that returns the recorded response of one exchange, and keeps the requests."""

    def __init__(self) -> None:
        self.exchange = EXCHANGES[0]
        self.requests: list[tuple[str, bytes]] = []

    def script(self, call: Conversation) -> None:
        self.requests.append((call.line, b"".join(call.body())))
        exchange = self.exchange
        lines = [
            f"{name}: {value}"
            for name, value in exchange.headers
            if name.lower() not in ("transfer-encoding", "content-length", "connection")
        ]
        head = [
            f"HTTP/1.1 {exchange.status} {HTTPStatus(exchange.status).phrase}",
            *lines,
            f"Content-Length: {len(exchange.body)}",
            "Connection: close",  # as it does; else the next request may meet the end of this one
            "",
            "",
        ]
        call.send("\r\n".join(head).encode() + exchange.body)


@pytest.fixture
def replay(monkeypatch):
    monkeypatch.setattr(write_funnel, "_handlers", [])  # which would respond for the upstream
    replay = Replay()
    with scripted_upstream(replay.script) as upstream:
        make_upstream(management_url=upstream.management_url)
        yield replay
    forget_everything()


def ask(staff: Any, exchange: Recording, body: bytes, **headers: str) -> Any:
    target = exchange.path.removeprefix("/v0/management/")
    if target == "config.yaml":  # the recorded ones are too short to hold client keys
        headers["X-Tollgate-Confirm"] = "empty api-keys"
    kind = exchange.request_headers.get("Content-Type", "application/json")
    return staff.generic(exchange.method, URL + target, body, content_type=kind, headers=headers)


def body_of(response: Any) -> bytes:
    return response.getvalue() if response.streaming else response.content


def requests_by_name() -> dict[str, bytes]:
    """The recorded request bodies."""
    bodies: dict[str, bytes] = {}
    for file in ("management.jsonl", "cooling.jsonl"):
        for line in (RECORDINGS / file).read_text().splitlines():
            value = json.loads(line)
            sent = value["request"]
            bodies[value["name"]] = (
                base64.b64decode(sent["body_base64"])
                if "body_base64" in sent
                else sent.get("body", "").encode()
            )
    return bodies


def test_recorded_responses_pass_byte_for_byte(replay):
    staff, bodies = signed_in(), requests_by_name()
    wrong = []
    for exchange in EXCHANGES:
        replay.exchange, replay.requests = exchange, []
        response = ask(staff, exchange, bodies[exchange.name], **REVEAL)
        body = body_of(response)
        if exchange.name in NOT_SENT:
            matches = not replay.requests and (exchange.method == "HEAD") == (not body)
            matches &= not body or f'"code": "{NOT_SENT[exchange.name]}"'.encode() in body
        else:
            matches = (response.status_code, body, len(replay.requests)) == (
                exchange.status,
                exchange.body,
                1,
            )
            # With the one state that was checked.
            is_rewritten = exchange.path.endswith("/oauth-callback")
            matches &= is_rewritten or [body for _, body in replay.requests] == [
                bodies[exchange.name]
            ]
            recorded = {name: value for name, value in exchange.headers if name in KEPT}
            matches &= all(response.headers.get(name) == value for name, value in recorded.items())
        if not matches:
            wrong.append((exchange.name, response.status_code, body[:200]))
    assert not wrong


def test_masked_responses_differ_in_secrets_alone(replay):
    staff = signed_in()
    compared = 0
    for exchange in EXCHANGES:
        path = exchange.path.removeprefix("/v0/management/").split("?")[0]
        if (
            exchange.method != "GET"
            or exchange.status != 200
            or not any(row.masks for row in rows_for_path(path))
            or path == "config.yaml"
        ):
            continue
        replay.exchange = exchange
        response = ask(staff, exchange, b"")
        compared += 1
        for where, before, after in differences(*documents(exchange.body, response)):
            assert "…" in str(after), where
            assert len(str(after).replace(" (2)", "")) <= max(5, len(str(before))), where
    assert compared > 20


def documents(recorded: bytes, response: Any) -> tuple[Any, Any]:
    """What was recorded and what came, as JSON, or else as the words of a text."""
    if response.headers["Content-Type"].startswith("application/json"):
        return json.loads(recorded), json.loads(body_of(response))
    return recorded.decode().split(), body_of(response).decode().split()


def differences(before: Any, after: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Where two documents differ; renamed members are compared in their order."""
    if isinstance(before, dict) and isinstance(after, dict) and len(before) == len(after):
        renamed = [(where, a, b) for a, b in zip(before, after, strict=True) if a != b]
        return renamed + [
            d
            for a, b in zip(before, after, strict=True)
            for d in differences(before[a], after[b], f"{where}.{a}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            d
            for n, (a, b) in enumerate(zip(before, after, strict=True))
            for d in differences(a, b, f"{where}[{n}]")
        ]
    return [] if before == after and type(before) is type(after) else [(where, before, after)]
