"""Recorded exchanges, put to a simulator, and how its answers are compared with the recorded
ones."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from management_proxy.simulator import Options, Preset, SimulatedUpstream
from management_proxy.simulator.http.wire import Request, Response

RECORDINGS = Path(__file__).parents[2] / "recordings"
RECORDED_KEY = "mgmt-secret-for-recordings"
RECORDED_AT = 1795426130.0
# Told of every answer; the others differ with time and transport.
COMPARED_HEADERS = (
    "access-control-",
    "x-cpa-",
    "content-type",
    "content-disposition",
    "content-range",
    "cache-control",
    "accept-ranges",
    "x-content-type-options",
)


class FakeClock:
    """A clock that only a test moves; sleeping moves it too."""

    def __init__(self, now: float = RECORDED_AT) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange."""

    name: str
    method: str
    target: str
    headers: dict[str, str]
    request_body: bytes
    status: int
    response_headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


def _bytes(part: dict[str, Any]) -> bytes:
    if "body_base64" in part:
        return base64.b64decode(part["body_base64"])
    return str(part.get("body", "")).encode()


def recorded(name: str) -> list[Exchange]:
    exchanges = []
    for line in (RECORDINGS / name).read_text(encoding="utf-8").splitlines():
        value = json.loads(line)
        request, response = value["request"], value["response"]
        exchanges.append(
            Exchange(
                value["name"],
                request["method"],
                request["path"],
                {key.lower(): item for key, item in request["headers"].items()},
                _bytes(request),
                response["status"],
                {key.lower(): item for key, item in response["headers"]},
                _bytes(response),
            )
        )
    return exchanges


def by_name(name: str) -> dict[str, Exchange]:
    return {exchange.name: exchange for exchange in recorded(name)}


def auth_file(provider: str, email: str, **more: Any) -> bytes:
    content = {"type": provider, "email": email, "access_token": f"{provider}-token", **more}
    return json.dumps(content, separators=(",", ":")).encode()


def recorded_preset() -> Preset:
    """Return the configuration and accounts of the recorded server."""
    exchanges = by_name("management.jsonl")
    return Preset(
        exchanges["read config.yaml"].body.decode(),
        (
            (
                "claude-carol@example.com.json",
                auth_file("claude", "carol@example.com", disabled=True),
            ),
            (
                "codex-alice@example.com-plus.json",
                auth_file("codex", "alice@example.com", disabled=True),
            ),
            ("xai-dana@example.com.json", exchanges["auth file download"].body),
        ),
    )


def recorded_upstream(clock: FakeClock, **options: Any) -> SimulatedUpstream:
    """Return a simulator in the state in which the recordings began."""
    defaults = {
        "key": RECORDED_KEY,
        "network": False,
        "preset": recorded_preset(),
        "sleep": clock.advance,
    }
    return SimulatedUpstream(Options(clock=clock, **{**defaults, **options}))


def ask(
    app: SimulatedUpstream,
    method: str,
    target: str,
    body: bytes | str = b"",
    headers: dict[str, str] | None = None,
    peer: str = "127.0.0.1",
) -> Response:
    path, _, query = target.partition("?")
    return app.handle(
        Request(
            method=method,
            path=unquote(path),
            query=parse_qs(query, keep_blank_values=True),
            headers=headers
            if headers is not None
            else {"authorization": f"Bearer {app.options.key}"},
            body=body.encode() if isinstance(body, str) else body,
            peer=peer,
            query_string=query,
        )
    )


def manage(app: SimulatedUpstream, method: str, path: str, value: Any = None) -> Response:
    body = b"" if value is None else json.dumps(value).encode()
    return ask(app, method, f"/v0/management/{path}", body)


def control(app: SimulatedUpstream, method: str, path: str, value: Any = None) -> Any:
    body = b"" if value is None else json.dumps(value).encode()
    response = ask(app, method, f"/__control/{path}", body)
    assert response.status == 200, response.body
    return json.loads(response.body)


def shape(value: Any) -> Any:
    """Return the keys and types of a value; a list has the shapes of its elements, each once."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        shapes = {json.dumps(shape(item), sort_keys=True) for item in value}
        return [json.loads(one) for one in sorted(shapes)]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "str"


def compared_headers(headers: dict[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in sorted(headers.items()) if name.startswith(COMPARED_HEADERS)
    }


def headers_of(response: Response) -> dict[str, str]:
    return compared_headers({name.lower(): value for name, value in response.headers})


def value_of(response: Response) -> Any:
    return json.loads(response.body) if response.body else None
