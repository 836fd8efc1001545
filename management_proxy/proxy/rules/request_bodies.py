"""What a request's body must be before anything of it is sent: the upstream empties lists and maps
on a slip (contract fact 10).

Rules read the body as the upstream does (names of members in any case), and refuse what it would
accept and misread.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from management_proxy.client.safe_yaml import BadYaml, read_yaml
from management_proxy.proxy.rules.policy import BodyRule, Form

# Lists whose entries the upstream drops in silence when they have no base URL (contract 6.3).
_DROPS_WITHOUT_URL = frozenset({"codex-api-key", "xai-api-key", "openai-compatibility"})
# What a masked response shows in place of a secret, come back (monitoring/masking.py), also as JSON
# and YAML escape it.
_MASKED = re.compile(
    rb"(?:\xe2\x80\xa6|\\u2026)[^\"'\s]{0,4}[\"'\s,]|://(?:\xe2\x80\xa6|\\u2026)@", re.IGNORECASE
)


class BadBody(Exception):
    """The body would not do what its sender means; the message says why."""


class _Alias(msgspec.Struct, rename="kebab"):
    name: str | None = None
    alias: str | None = None
    fork: bool | None = None
    display_name: str | None = None
    force_mapping: bool | None = None


class _Rule(msgspec.Struct, rename="kebab"):
    status: int | None = None
    match: list[str | None] | None = None
    match_regexr: list[str | None] | None = None
    action: str | None = None


_MAP_OF: dict[str, Any] = {
    "oauth-excluded-models": dict[str, list[str]],
    "oauth-model-alias": dict[str, list[_Alias]],
    "oauth-request-scoped-errors": dict[str, list[_Rule]],
}


def form_of_body(rule: BodyRule, path: str, body: bytes) -> Form:
    """Which form of the request the body makes it. Raises BadBody."""
    if _MASKED.search(body):
        raise BadBody("it holds a masked secret, which would replace the real one")
    check = _RULES.get(rule)
    return check(path, body) if check else Form.PLAIN


def _key_list(path: str, body: bytes) -> Form:
    value = _decoded(body)
    # A wrapped list without any entry is refused by the upstream itself.
    lists = (
        [entries for entries in _members(value, "items") if entries]
        if isinstance(value, dict)
        else [value]
    )
    return Form.EMPTY if any(_is_emptied(path, entries) for entries in lists) else Form.PLAIN


def _is_emptied(path: str, entries: Any) -> bool:
    return entries is None or (
        isinstance(entries, list) and not any(_is_kept(path, entry) for entry in entries)
    )


def _is_kept(path: str, item: Any) -> bool:
    if isinstance(item, str):
        return bool(item.strip())
    if not isinstance(item, dict):
        return item is not None
    has_key, has_url = (
        any(not _is_blank(text) for text in _members(item, name))
        for name in ("api-key", "base-url")
    )
    return has_url if path in _DROPS_WITHOUT_URL else has_key or has_url


def _key_patch(path: str, body: bytes) -> Form:
    """A blank client key would let every client in; an entry whose last identifying member is
    blanked is removed in silence."""
    value = _decoded(body)
    if path == "api-keys":
        if any(_says_blank(new) for name in ("new", "value") for new in _members(value, name)):
            raise BadBody(
                "a blank client key would open the upstream to every client; delete the key instead"
            )
        return Form.PLAIN
    for entry in _members(value, "value"):
        key, url = _members(entry, "api-key"), _members(entry, "base-url")
        blanks_key = any(map(_says_blank, key)) and all(map(_is_blank, url))
        if blanks_key or (path in _DROPS_WITHOUT_URL and any(map(_says_blank, url))):
            raise BadBody("the upstream would remove the entry; delete it instead")
    return Form.PLAIN


def _members(value: Any, name: str) -> list[Any]:
    """Every member of that name, in any case and fold: the upstream takes the last of them,
    whichever that is."""
    return (
        [member for given, member in value.items() if given.casefold() == name]
        if isinstance(value, dict)
        else []
    )


def _is_blank(value: Any) -> bool:
    return not isinstance(value, str) or not value.strip()


def _says_blank(value: Any) -> bool:
    """Whether it is a blank text; null leaves what there is."""
    return isinstance(value, str) and not value.strip()


def _provider_map(path: str, body: bytes) -> Form:
    value = _decoded(body)
    if isinstance(value, dict) and [name.casefold() for name in value] == ["items"]:
        (value,) = value.values()
    if not value:
        return Form.EMPTY
    try:
        msgspec.convert(_lower_names(value, 3), _MAP_OF[path])
    except msgspec.ValidationError as error:
        raise BadBody(f"the upstream would empty the setting: {error}") from error
    return Form.PLAIN


def _lower_names(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {name.casefold(): _lower_names(item, depth - 1) for name, item in value.items()}
    return (
        [_lower_names(item, depth - 1) for item in value]
        if isinstance(value, list) and depth
        else value
    )


def _configuration(path: str, body: bytes) -> Form:
    try:
        document = read_yaml(body)
    except BadYaml as error:
        raise BadBody(f"the configuration cannot be sent: {error}") from error
    if not isinstance(document, dict) or not document:
        raise BadBody(
            "the configuration is not a mapping; an empty one would switch the upstream's"
            " management off"
        )
    # Without client keys the upstream serves every client.
    return Form.EMPTY if _is_emptied("api-keys", document.get("api-keys")) else Form.PLAIN


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody("the body is not JSON") from error


_RULES: dict[BodyRule, Callable[[str, bytes], Form]] = {
    BodyRule.KEY_LIST: _key_list,
    BodyRule.KEY_PATCH: _key_patch,
    BodyRule.PROVIDER_MAP: _provider_map,
    BodyRule.YAML: _configuration,
}
