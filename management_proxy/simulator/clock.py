"""Instants and durations in the forms that Go prints."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

# Seconds since 1970; tests hand in their own.
Clock = Callable[[], float]
Sleep = Callable[[float], object]

NANOSECONDS = 1_000_000_000


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=64)
def offset_text(offset_minutes: int) -> str:
    if offset_minutes == 0:
        return "Z"
    sign = "-" if offset_minutes < 0 else "+"
    return f"{sign}{abs(offset_minutes) // 60:02d}:{abs(offset_minutes) % 60:02d}"


def go_timestamp(nanoseconds: int, offset_minutes: int) -> str:
    """Return RFC 3339 with up to nine fractional digits, trailing zeros trimmed, and the server's
    own offset."""
    second, fraction = divmod(nanoseconds, NANOSECONDS)
    text = _second_text(second + offset_minutes * 60)
    if fraction:
        text += "." + f"{fraction:09d}".rstrip("0")
    return text + offset_text(offset_minutes)


def local_text(seconds: float, offset_minutes: int, form: str) -> str:
    return datetime.fromtimestamp(seconds + offset_minutes * 60, UTC).strftime(form)


def http_date(seconds: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


def go_duration(seconds: int) -> str:
    """Return whole seconds as Go prints them: `30m0s`, `1m5s`, `45s`."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
