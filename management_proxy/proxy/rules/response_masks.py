"""Secrets taken out of responses before a browser gets them; a caller who may read secrets has to
request them by a header.

A masked response is the same but for the secrets, of which the last four characters stay (none of a
short one). It is written anew, so only its meaning is kept, not its bytes. What cannot be read
cannot be masked and does not pass.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from management_proxy.client.safe_yaml import BadYaml, read_yaml, write_yaml
from management_proxy.proxy.rules.policy import Mask
from monitoring.masking import HIDDEN_USER, SECRET_NAME, USER_IN_ADDRESS, last4, without_secrets

MOST_NODES = 500_000
# A shorter text under a secret's name of a JSON response may be a common word (`bearer`), which
# stays readable elsewhere. In the configuration even the shortest is masked everywhere.
SHORTEST_COPY = 8

_MAPS_OF_SECRETS = frozenset({"headers", "header"})


class Unmaskable(Exception):
    """The response is not what its policy expects, so that its secrets cannot be recognised."""


def masked_body(mask: Mask, body: bytes) -> bytes:
    """The body without its secrets; an empty one stays. Raises Unmaskable."""
    if not body or mask is Mask.NOTHING:
        return body
    try:
        return _MASKS[mask](body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BadYaml, ValueError) as error:
        raise Unmaskable("the response does not match the contract") from error


def _json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    return lambda body: msgspec.json.encode(change(msgspec.json.decode(body)))


def _yaml(body: bytes) -> bytes:
    # Comments are lost on the way, and with them the keys that people comment out.
    document = read_yaml(body)
    if not isinstance(document, dict):
        raise BadYaml("no mapping")
    return write_yaml(_Masker(document, shortest=1).named(document))


# An unquoted key of digits is a number in YAML; other names with numbers hold counts and instants.
_NAMES_OF_KEYS = frozenset({"api-key", "api-keys"})


class _Masker:
    """The secrets of a document by their names, masked there and wherever else they occur: a YAML
    alias, say, finds one under any name. A document that turns out enormous is refused (YAML may
    name the same part many times)."""

    def __init__(self, document: Any, shortest: int = SHORTEST_COPY) -> None:
        self._nodes = 0
        self._shortest = shortest
        self._known: set[str] = set()
        self._collect(document, "")

    def _collect(self, value: Any, name: str) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ValueError("too many nodes")
        if isinstance(value, dict):
            for key, item in value.items():
                self._collect(item, _name_within(name, key))
        elif isinstance(value, list):
            for item in value:
                self._collect(item, name)
        elif isinstance(value, str) and _is_secret_name(name) and len(value) >= self._shortest:
            self._known.add(value)

    def named(self, value: Any, name: str = "") -> Any:
        """A copy in which every secret is masked, and the user of every URL."""
        if isinstance(value, dict):
            return {
                last4(key) if key in self._known else key: self.named(item, _name_within(name, key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.named(item, name) for item in value]
        if _is_number(value) and name.lower() in _NAMES_OF_KEYS:
            return last4(str(value))
        if not isinstance(value, str):
            return value
        if value and (value in self._known or _is_secret_name(name)):
            return last4(value)
        return USER_IN_ADDRESS.sub(HIDDEN_USER, value)


def _name_within(name: str, key: Any) -> str:
    return name if name.lower() in _MAPS_OF_SECRETS else str(key)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_secret_name(name: str) -> bool:
    return name.lower() in _MAPS_OF_SECRETS or bool(SECRET_NAME.search(name))


def _named(document: Any) -> Any:
    return _Masker(document).named(document)


def _keys_in_names(document: Any) -> Any:
    """`{"<provider>": {"<base url>|<key>": ...}}` (contract 8.9); equal masks are distinguished by
    a number."""
    if not isinstance(document, dict):
        return _named(document)
    masker = _Masker(document)
    return {
        name: _renamed(entries, masker)
        if isinstance(entries, dict)
        else masker.named(entries, name)
        for name, entries in document.items()
    }


def _renamed(entries: dict[str, Any], masker: _Masker) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for name, entry in entries.items():
        address, _, key = name.rpartition("|")
        shown = base = f"{USER_IN_ADDRESS.sub(HIDDEN_USER, address)}|{last4(key)}"
        number = 1
        while shown in renamed:
            number += 1
            shown = f"{base} ({number})"
        renamed[shown] = masker.named(entry)
    return renamed


def _log_lines(document: Any) -> Any:
    """The upstream masks queries in its log, but for `value=` (contract 1.5)."""
    if isinstance(document, dict) and isinstance(lines := document.get("lines"), list):
        return _named(document) | {"lines": [_masked_line(line) for line in lines]}
    return _named(document)


def _masked_line(line: Any) -> Any:
    return without_secrets(line, mask=last4) if isinstance(line, str) else line


_MASKS: dict[Mask, Callable[[bytes], bytes]] = {
    Mask.NAMED: _json(_named),
    Mask.CLIENT_KEYS: _json(_named),
    Mask.KEYS_IN_NAMES: _json(_keys_in_names),
    Mask.LOG_LINES: _json(_log_lines),
    Mask.YAML: _yaml,
}
