"""Queue elements that no reader should trust, made from an ordinary event."""

from collections.abc import Callable
from typing import Any

from management_proxy.simulator.http.wire import go_json
from management_proxy.simulator.traffic.queue import Loose

Event = dict[str, Any]
BIG = 5_000_000
BEYOND_DOUBLE = 2**60
# Go takes no JSON of more than ten thousand levels for valid.
DEEPEST = 9000


def _nul(event: Event, _size: int) -> bytes:
    return go_json(
        {
            **event,
            "failed": True,
            "fail": {"status_code": 502, "body": "nul \x00 inside"},
            "user_agent": "a\x00b",
        }
    )


def _failed_without_status(event: Event, _size: int) -> bytes:
    return go_json({**event, "failed": True, "fail": {"status_code": 200, "body": ""}})


def _big(event: Event, size: int) -> bytes:
    return go_json(
        {**event, "failed": True, "fail": {"status_code": 502, "body": "<b>" + "x" * size}}
    )


def _wrong_types(event: Event, _size: int) -> bytes:
    return go_json({**event, "latency_ms": "soon", "tokens": [1, 2], "failed": "no", "fail": None})


def _negative(event: Event, _size: int) -> bytes:
    return go_json(
        {
            **event,
            "tokens": {**event["tokens"], "input_tokens": -5, "total_tokens": -5},
            "latency_ms": -1,
        }
    )


def _enormous(event: Event, _size: int) -> bytes:
    return go_json(
        {
            **event,
            "tokens": {
                **event["tokens"],
                "input_tokens": BEYOND_DOUBLE,
                "total_tokens": BEYOND_DOUBLE,
            },
        }
    )


def _unknown_keys(event: Event, _size: int) -> bytes:
    return go_json(
        {
            **event,
            "from_the_future": {"deep": [1, {"er": None}]},
            "tokens": {**event["tokens"], "new": 1},
        }
    )


def _missing_keys(event: Event, _size: int) -> bytes:
    return go_json({"request_id": event["request_id"], "failed": False})


def _bad_timestamp(event: Event, _size: int) -> bytes:
    return go_json({**event, "timestamp": "yesterday"})


def _surrogate(event: Event, _size: int) -> bytes:
    return go_json({**event, "user_agent": "@"}).replace(b'"@"', b'"\\ud800"')


def _deep(_event: Event, size: int) -> bytes:
    depth = min(size, DEEPEST)
    return b"[" * depth + b"]" * depth


MAKERS: dict[str, Callable[[Event, int], bytes]] = {
    "nul": _nul,
    "big": _big,
    "failed_without_status": _failed_without_status,
    "wrong_types": _wrong_types,
    "negative": _negative,
    "enormous": _enormous,
    "unknown_keys": _unknown_keys,
    "missing_keys": _missing_keys,
    "bad_timestamp": _bad_timestamp,
    "surrogate": _surrogate,
    "deep": _deep,
    "text": lambda _event, _size: Loose(b"not json <at all>"),
    "number": lambda _event, _size: b"42",
    "null": lambda _event, _size: b"null",
    "list": lambda event, _size: go_json([event]),
    "empty_object": lambda _event, _size: b"{}",
    "ordinary": lambda event, _size: go_json(event),
}


def make(kinds: list[str], events: list[Event], size: int = BIG) -> list[bytes]:
    """Return one payload per kind; `duplicate` repeats the one before it."""
    payloads: list[bytes] = []
    for kind, event in zip(kinds, events, strict=True):
        payloads.append(
            payloads[-1] if kind == "duplicate" and payloads else MAKERS[kind](event, size)
        )
    return payloads
