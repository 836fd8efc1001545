"""Whether a configuration file's values have the types that the upstream reads them into, with the
errors of Go's YAML reader."""

from typing import Any

import yaml

from management_proxy.simulator.configuration.defaults import LIST_KEYS, MAP_KEYS, UNREAD_KEYS

_SCALARS: dict[type, tuple[str, str]] = {
    bool: ("bool", "bool"),
    int: ("int", "int"),
    str: ("str", "string"),
}
NULL = "tag:yaml.org,2002:null"


class InvalidYaml(Exception):
    """The text is no YAML, or a value has the wrong type."""


def check_root(root: yaml.Node, defaults: dict[str, Any]) -> None:
    """Raise InvalidYaml at the first value of a whole file that cannot be what it should."""
    if not isinstance(root, yaml.MappingNode):
        raise _mismatch(root, "config.Config")
    for key, node in _members(root):
        if key in UNREAD_KEYS or node.tag == NULL:
            continue
        if key == "api-keys":
            _check_texts(node, "[]string")
        elif key in LIST_KEYS:
            _check_entries(node, f"[]config.{_camel(key)}")
        elif key in MAP_KEYS:
            _check_lists(node)
        else:
            _check_value(node, defaults.get(key), key)


def _members(node: yaml.MappingNode) -> list[tuple[str, yaml.Node]]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _mismatch(key, "string")
        line = key.start_mark.line + 1
        if (first := lines.setdefault(key.value, line)) != line:
            raise InvalidYaml(
                f'yaml: unmarshal errors:\n  line {line}: mapping key "{key.value}" already'
                f" defined at line {first}"
            )
    return [(key.value, value) for key, value in node.value]


def _check_value(node: yaml.Node, default: Any, key: str) -> None:
    if node.tag == NULL:
        return
    if isinstance(default, dict):
        if not isinstance(node, yaml.MappingNode):
            raise _mismatch(node, f"config.{_camel(key)}")
        for name, inner in _members(node):
            _check_value(inner, default.get(name), name)
        return
    tag, shown = _SCALARS.get(type(default), ("", ""))
    # A text takes any scalar; the other kinds only their own.
    if shown and not (
        isinstance(node, yaml.ScalarNode) and (tag == "str" or node.tag.endswith(f":{tag}"))
    ):
        raise _mismatch(node, shown)


def _check_texts(node: yaml.Node, wanted: str) -> None:
    if not isinstance(node, yaml.SequenceNode):
        raise _mismatch(node, wanted)
    for item in node.value:
        if not isinstance(item, yaml.ScalarNode):
            raise _mismatch(item, "string")


def _check_entries(node: yaml.Node, wanted: str) -> None:
    if not isinstance(node, yaml.SequenceNode):
        raise _mismatch(node, wanted)
    for item in node.value:
        if not isinstance(item, yaml.MappingNode):
            raise _mismatch(item, wanted.removeprefix("[]"))
        _members(item)


def _check_lists(node: yaml.Node) -> None:
    if not isinstance(node, yaml.MappingNode):
        raise _mismatch(node, "map[string][]string")
    for _, inner in _members(node):
        if not isinstance(inner, yaml.SequenceNode):
            raise _mismatch(inner, "[]string")


def _mismatch(node: yaml.Node, wanted: str) -> InvalidYaml:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    shown = f" `{node.value}`" if isinstance(node, yaml.ScalarNode) else ""
    line = node.start_mark.line + 1
    return InvalidYaml(
        f"yaml: unmarshal errors:\n  line {line}: cannot unmarshal {tag}{shown} into {wanted}"
    )


def _camel(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("-"))
