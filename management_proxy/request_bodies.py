"""What a request's body must be before anything of it is sent: the upstream empties lists and maps on a slip (contract fact 10).

Rules read the body as the upstream does (names of members in any case), and refuse what it would accept and misread.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from management_proxy.policies import BodyRule, Form
from management_proxy.safe_yaml import BadYaml, read_yaml

# Lists whose entries the upstream drops in silence when they have no base URL (contract 6.3).
_DROPS_WITHOUT_URL = frozenset({"codex-api-key", "xai-api-key", "openai-compatibility"})
# What a masked answer shows in place of a secret, come back (monitoring/masking.py), also as JSON and YAML escape it.
_MASKED = re.compile(rb"(?:\xe2\x80\xa6|\\u2026)[^\"'\s]{0,4}[\"'\s,]|://(?:\xe2\x80\xa6|\\u2026)@", re.IGNORECASE)


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
    if isinstance(value, dict):  # what is wrapped may not be empty, says the upstream itself
        return Form.PLAIN
    if value is None or (isinstance(value, list) and not any(_is_kept(path, item) for item in value)):
        return Form.EMPTY
    return Form.PLAIN


def _is_kept(path: str, item: Any) -> bool:
    if isinstance(item, str):
        return bool(item.strip())
    if not isinstance(item, dict):
        return item is not None
    filled = {name.lower() for name, value in item.items() if isinstance(value, str) and value.strip()}
    return "base-url" in filled if path in _DROPS_WITHOUT_URL else bool(filled & {"api-key", "base-url"})


def _provider_map(path: str, body: bytes) -> Form:
    value = _decoded(body)
    if isinstance(value, dict) and [name.lower() for name in value] == ["items"]:
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
        return {name.lower(): _lower_names(item, depth - 1) for name, item in value.items()}
    return [_lower_names(item, depth - 1) for item in value] if isinstance(value, list) and depth else value


def _configuration(path: str, body: bytes) -> Form:
    try:
        document = read_yaml(body)
    except BadYaml as error:
        raise BadBody("the configuration is no YAML") from error
    if not isinstance(document, dict) or not document:
        raise BadBody("the configuration is no mapping; an empty one would switch the upstream's management off")
    return Form.PLAIN


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody("the body is no JSON") from error


_RULES: dict[BodyRule, Callable[[str, bytes], Form]] = {
    BodyRule.KEY_LIST: _key_list,
    BodyRule.PROVIDER_MAP: _provider_map,
    BodyRule.YAML: _configuration,
}
