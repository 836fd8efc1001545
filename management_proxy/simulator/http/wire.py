"""Requests, responses and JSON as the upstream reads and writes them (contract 1.1)."""

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"
_GO_ESCAPES = str.maketrans(
    {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_ABSENT = object()


@dataclass
class Request:
    """One HTTP request; header names are lower case, `peer` and `peer_port` are the address of the
    TCP connection, `arrived` is the clock's time."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = "127.0.0.1"
    query_string: str = ""
    peer_port: str = ""
    arrived: float = 0.0

    def first(self, name: str) -> str:
        return self.query.get(name, [""])[0]


@dataclass(frozen=True)
class Delivery:
    """How the server puts a response on the wire under a fault."""

    hang_before: float = 0.0
    hang_after: float = 0.0
    # Close after so many bytes of the body; -1 closes before the headers.
    cut_after: int | None = None
    reset: bool = False
    # Send the body in pieces of so many bytes with a pause between them.
    piece_bytes: int = 0
    piece_pause: float = 0.0


@dataclass
class Response:
    """One HTTP response before it is put on the wire."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    delivery: Delivery | None = None

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"


class BadBody(Exception):
    """The body is not what the route takes."""


def go_json(value: Any, *, sort: bool = False) -> bytes:
    """Return compact JSON with `<`, `>` and `&` escaped like Go's encoder does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    return text.translate(_GO_ESCAPES).encode("utf-8", "replace")


def respond(value: Any, status: int = 200) -> Response:
    return Response(status, go_json(value), [("Content-Type", JSON_TYPE)])


def error(status: int, text: str, **more: Any) -> Response:
    return respond(dict(sorted({"error": text, **more}.items())), status)


def ok() -> Response:
    return respond({"status": "ok"})


def empty(status: int) -> Response:
    return Response(status)


def read_json(body: bytes, *, trailing: bool = True) -> Any:
    """Return the first JSON value of a body; what follows it is ignored where `trailing` allows
    it."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as problem:
        raise BadBody(str(problem)) from problem
    if not trailing and text[end:].strip(" \t\r\n"):
        raise BadBody("trailing data")
    return value


def read_object(body: bytes) -> dict[str, Any]:
    value = read_json(body)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBody("not an object")
    return value


def member(value: dict[str, Any], name: str, default: Any = None) -> Any:
    """Return a member as Go finds it: the exact name first, then any spelling that differs in case
    only."""
    found = value.get(name, _ABSENT)
    if found is not _ABSENT:
        return found
    for key, candidate in value.items():
        if key.lower() == name.lower():
            return candidate
    return default


def has_member(value: dict[str, Any], name: str) -> bool:
    return any(key.lower() == name.lower() for key in value)


def parse_go_int(text: str) -> int | None:
    """Return a signed decimal that fits 64 bits, else None."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def leading_int(text: str) -> int | None:
    """Return the number at the start of a text, whatever follows it (`1abc` is 1)."""
    match = re.match(r"\s*([+-]?[0-9]+)", text)
    return int(match.group(1)) if match else None


def attachment(name: str, content: bytes, modified: str, range_header: str) -> Response:
    """Return a file, or the requested part of it."""
    headers = [
        ("Accept-Ranges", "bytes"),
        ("Content-Disposition", f'attachment; filename="{name}"'),
        ("Content-Type", "text/x-log; charset=utf-8"),
        ("Last-Modified", modified),
    ]
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", range_header.strip())
    if not match or match.groups() == ("", ""):
        return Response(200, content, headers)
    return _part(content, match.group(1), match.group(2), headers)


def _part(content: bytes, first: str, last: str, headers: list[tuple[str, str]]) -> Response:
    size = len(content)
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Response(
            416,
            b"invalid range: failed to overlap\n",
            [*headers, ("Content-Range", f"bytes */{size}")],
        )
    part = content[start:stop]
    return Response(
        206, part, [*headers, ("Content-Range", f"bytes {start}-{start + len(part) - 1}/{size}")]
    )
