"""What a complete response of the upstream's management API means: its object, or its error
(contract 1.3, 1.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import (
    Banned,
    KeyRejected,
    NotFound,
    Refused,
    ServerFault,
    Unintelligible,
    UpstreamError,
)
from monitoring.texts.recorded import Recorded

# Added to the duration that a ban's text states, since it is rounded.
BAN_MARGIN = timedelta(seconds=5)
_KEY_REFUSED = Recorded(_("the management key was refused"))
_NOT_FOUND = Recorded(_("not found; is management switched off, or the URL wrong?"))
_STATUS = Recorded(_("status %(status)s"))
_NO_JSON = Recorded(_("the response is no JSON"))
_NO_OBJECT = Recorded(_("the response is no JSON object"))
_GO_DURATION = re.compile(r"Try again in (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)(?:\.\d+)?s)?")


@dataclass(frozen=True)
class Response:
    """A complete response: raw body, the server's version (empty if it does not state one) and its
    clock (None if it does not state it)."""

    body: bytes
    version: str
    server_time: datetime | None
    status: int = 200


def refusal_of(status: int, body: bytes, now: datetime) -> UpstreamError:
    """The error that a response with an unwanted status represents (contract 1.3)."""
    text = _error_text(body)
    if status == 401:
        return KeyRejected(text or _KEY_REFUSED())
    if status == 403 and (remaining := ban_duration(text)) is not None:
        return Banned(text, now + remaining + BAN_MARGIN)
    if status == 404:
        return NotFound(text or _NOT_FOUND(), status)
    if status >= 500:
        return ServerFault(text or _STATUS(status=status), status)
    return Refused(text or _STATUS(status=status), status)


def _error_text(body: bytes) -> str:
    """The upstream's `error` and `message`, cut short; a body of another form is not repeated,
    since it may hold anything."""
    try:
        document = msgspec.json.decode(body)
        texts = [document.get("error"), document.get("message")]
    except (msgspec.DecodeError, AttributeError, UnicodeDecodeError, RecursionError):
        return ""
    text = ": ".join(part for part in texts if isinstance(part, str))
    # Go quotes the value that it could not read in backticks, and that may be a key.
    return re.sub(r"`[^`]*`", "`…`", text)[:300]


def ban_duration(text: str) -> timedelta | None:
    """How long a ban's text says it lasts (`29m58s`, `1h0m5s`); None if the text reports no
    ban."""
    if "banned" not in text:
        return None
    found = _GO_DURATION.search(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 30, 0)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def version_of(headers: Mapping[str, str]) -> str:
    """The version that the server states, without a leading `v`; `dev` and other words stay as they
    are (contract 1.4)."""
    value = headers.get("x-cpa-version", "").strip()[:60]
    return value[1:] if re.match(r"v\d", value) else value


def release_of(version: str) -> tuple[int, int, int] | None:
    """The numbers of a version; None of `dev` and other words."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def server_time_of(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock, to the second; None if it does not state it."""
    try:
        date = headers.get("date", "")
        return datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None


def json_object(body: bytes) -> dict[str, Any]:
    """The object that a response's body holds. Raises Unintelligible."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unintelligible(_NO_JSON(), 200) from error
    if not isinstance(value, dict):
        raise Unintelligible(_NO_OBJECT(), 200)
    return value
