"""config.yaml: reading it into the configuration, and writing changes back into the text.

A save keeps comments and the order of keys: only the top-level blocks whose values changed are
written anew.
"""

import re
from typing import Any, Literal

import yaml

from management_proxy.client.safe_yaml import BadYaml, Expansion, value_of
from management_proxy.simulator.configuration.defaults import (
    LIST_KEYS,
    MAP_KEYS,
    UNREAD_KEYS,
    default_config,
)
from management_proxy.simulator.configuration.entries import HEAVIEST, TooHeavy, normalised
from management_proxy.simulator.configuration.families import FAMILIES
from management_proxy.simulator.configuration.types import InvalidYaml, check_root
from management_proxy.simulator.http.wire import BadBody

_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_PROBLEMS = {"did not find expected key": "could not find expected ':'"}


class InvalidConfig(Exception):
    """The text is YAML, and its meaning is refused."""


def parse(text: str) -> dict[str, Any]:
    """Return the whole configuration that a file means."""
    root = _compose(text)
    config = default_config()
    if root is None:
        return config
    check_root(root, config)
    for key, value in _values(root, config).items():
        _take(config, key, value)
    return config


def _values(root: yaml.Node, config: dict[str, Any]) -> dict[str, Any]:
    """The values that the server knows; the others it does not even read."""
    known = {*config, *LIST_KEYS, *MAP_KEYS, "<<"} - {*UNREAD_KEYS}
    pairs = [pair for pair in root.value if pair[0].value in known]
    try:
        found: dict[str, Any] = value_of(yaml.MappingNode(root.tag, pairs))
    except BadYaml as problem:
        raise InvalidYaml(f"yaml: {problem}") from problem
    return found


def _compose(text: str) -> yaml.Node | None:
    try:
        expansion = Expansion()
        for event in yaml.parse(text, Loader=_Loader):
            expansion.take(event)
        return yaml.compose(text, Loader=_Loader)
    except BadYaml as problem:
        raise InvalidYaml(f"yaml: {problem}") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        shown = _PROBLEMS.get(problem.problem or "", problem.problem)
        raise InvalidYaml(f"yaml: line {max(line, 2)}: {shown}") from problem
    except yaml.YAMLError as problem:
        raise InvalidYaml(f"yaml: {problem}") from problem


def _take(config: dict[str, Any], key: str, value: Any) -> None:
    if key in UNREAD_KEYS or value is None:
        return
    if key in LIST_KEYS:
        config[key] = _entries(key, value)
    elif isinstance(config.get(key), dict) and isinstance(value, dict):
        config[key] = {**config[key], **value}
    elif key == "api-keys":
        config[key] = [str(item) for item in value]
    elif key in config or key in MAP_KEYS:
        config[key] = value


def _entries(key: str, value: Any) -> list[dict[str, Any]]:
    try:
        return normalised(FAMILIES[key], value)
    except BadBody as problem:
        raise InvalidYaml(f"yaml: unmarshal errors: {key}: {problem}") from problem
    except TooHeavy as problem:
        raise InvalidConfig(f"{key}: weight must not exceed {HEAVIEST}") from problem


_BLOCK = re.compile(r"^(?=[A-Za-z_\"'])", re.MULTILINE)


def rewrite(text: str, values: dict[str, Any]) -> str:
    """Return the text with the blocks of changed keys written anew and new keys appended. As on the
    server, every line ends in LF then; nothing changed leaves the text as it is."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    saved = _rewritten(plain, values)
    return text if saved.rstrip("\n") == plain.rstrip("\n") else saved


def _rewritten(text: str, values: dict[str, Any]) -> str:
    old = parse(text)
    defaults = default_config()
    head, *blocks = _BLOCK.split(text)
    kept: list[str] = [head]
    seen: set[str] = set()
    for block in blocks:
        key = block.split(":", 1)[0].strip().strip("\"'")
        seen.add(key)
        unchanged = key not in values or key in UNREAD_KEYS or old.get(key) == values[key]
        kept.append(block if unchanged else _dump(key, _changes(values[key], defaults.get(key))))
    fresh = [key for key in values if key not in seen and values[key] != defaults.get(key)]
    ended = "".join(kept)
    if ended and not ended.endswith("\n"):
        ended += "\n"
    return ended + "".join(_dump(key, _changes(values[key], defaults.get(key))) for key in fresh)


def _changes(value: Any, default: Any) -> Any:
    if isinstance(value, list):
        return [_filled(item) if isinstance(item, dict) else item for item in value]
    if isinstance(value, dict) and isinstance(default, dict):
        return {key: item for key, item in value.items() if item != default.get(key)}
    return value


def _filled(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry without what means nothing in the file; an empty list of models stays, as the
    server writes it."""
    return {name: value for name, value in entry.items() if value not in (None, "", False, {})}


def _dump(key: str, value: Any) -> str:
    flow: Literal[False] = False
    dumped: str = yaml.dump(
        {key: value},
        Dumper=_Dumper,
        default_flow_style=flow,
        sort_keys=False,
        allow_unicode=True,
        width=4096,
    )
    return dumped
