"""Targets that callers name: decoded once, refused before any I/O if they are not plainly a path
below the prefix.

`<prefix>/<path>` goes to the default upstream, `<prefix>/@<upstream>/<path>` to the one of that
name. What is sent upstream is built anew from the decoded parts, so that nothing of the caller's
spelling gets there.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

PREFIX = "/api/management/"
LONGEST_TARGET = 4096
MOST_QUERY_MEMBERS = 32
# Letters, digits and what names of files and accounts hold; no separator, no escape, no control
# character.
_PART = re.compile(r"[A-Za-z0-9._~@+-]+")
_NAME_OF_UPSTREAM = re.compile(r"@[a-z0-9][a-z0-9-]*")


class BadTarget(Exception):
    """The target is malformed; the message says why and repeats nothing of it."""


@dataclass(frozen=True)
class Target:
    """Which upstream (empty: the default one), which path below its management URL, and which
    query."""

    upstream: str
    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def encoded(self) -> str:
        """Path and query as they are put on the wire."""
        path = "/".join(quote(part, safe="@+~") for part in self.path.split("/"))
        return f"{path}?{urlencode(self.query)}" if self.query else path

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.query)


def read_target(raw: str) -> Target:
    """The target of a raw request line (`/api/management/...?...`, undecoded). Raises BadTarget."""
    if len(raw) > LONGEST_TARGET:
        raise BadTarget(f"longer than {LONGEST_TARGET} characters")
    path, _, query = raw.partition("?")
    if not path.startswith(PREFIX):
        raise BadTarget("expected a path below " + PREFIX)
    parts = [_part(part) for part in path.removeprefix(PREFIX).split("/")]
    upstream = ""
    if parts[0].startswith("@"):
        if not _NAME_OF_UPSTREAM.fullmatch(parts[0]) or len(parts) == 1:
            raise BadTarget("expected @<upstream>/<path>")
        upstream = parts.pop(0)[1:]
    return Target(upstream, "/".join(parts), _query(query))


def _part(raw: str) -> str:
    """One part of the path, decoded once."""
    part = _decoded(raw)
    if part in ("", ".", ".."):
        raise BadTarget("empty parts and dots as parts are not allowed")
    if not _PART.fullmatch(part):
        raise BadTarget(
            "a part of the path holds a separator, an escape or a character that is not allowed"
        )
    return part


def _decoded(raw: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", raw):
        raise BadTarget("a broken escape")
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise BadTarget("not UTF-8") from error


def _query(raw: str) -> tuple[tuple[str, str], ...]:
    if ";" in raw:
        raise BadTarget(
            "a semicolon in the query"
        )  # Go and others disagree about what it separates
    if not raw:
        return ()
    if re.search(r"%(?![0-9A-Fa-f]{2})", raw):
        raise BadTarget("a broken escape in the query")
    try:
        members = parse_qsl(
            raw,
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_QUERY_MEMBERS,
        )
    except ValueError as error:  # also what is no UTF-8
        raise BadTarget("a malformed query") from error
    if any(
        ord(character) < 32 or ord(character) == 127
        for name, value in members
        for character in name + value
    ):
        raise BadTarget("a control character in the query")
    return tuple(members)
