"""The upstream's configuration as a document: its values with their positions in the text, setting
single ones, and checks of a text that is to replace another.

Everything works on positions in the text, so that comments, order and layout stay as their author
left them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext

from management_proxy.client.safe_yaml import BadYaml, Expansion
from providers.configuration.line_ends import usual_end

LARGEST_BYTES = 1024 * 1024
DEEPEST = 40

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


class InvalidText(Exception):
    """The text is no configuration that could be sent; `line` counts from 1, 0 if no line is at
    fault."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Scalar:
    """One scalar of the document: its path, its value, and where it is in the text."""

    path: Path
    value: str
    start: int
    end: int
    line: int


def scalars(text: str) -> list[Scalar]:
    """All scalar values of the document, in order. Raises InvalidText unless it is one mapping
    without twice the same key."""
    try:
        return list(_walk(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidText(
            gettext("no valid YAML: %(reason)s") % {"reason": error.problem or error.context},
            mark.line + 1 if mark else 0,
        ) from error
    except yaml.YAMLError as error:
        raise InvalidText(gettext("no valid YAML: %(error)s") % {"error": error}) from error


@dataclass
class _Level:
    # A mapping whose `key` is None awaits one; a sequence counts.
    is_mapping: bool
    path: Path
    seen: set[str]
    key: str | None = None
    count: int = 0


def _refuse_expansion(text: str) -> None:
    expansion = Expansion()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            expansion.take(event)
    except BadYaml as problem:
        raise InvalidText(problem.message, problem.line) from problem


def _walk(text: str) -> Iterator[Scalar]:
    levels: list[_Level] = []
    documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InvalidText(gettext("a configuration is one document"), line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            if not levels and not is_mapping:
                raise InvalidText(gettext("a configuration is a mapping of names to values"), line)
            levels.append(_Level(is_mapping, _place(levels, line), set()))
            if len(levels) > DEEPEST:
                raise InvalidText(
                    gettext("nested deeper than %(most)s levels") % {"most": DEEPEST}, line
                )
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            levels.pop()
            _passed(levels)
        elif isinstance(event, yaml.AliasEvent):
            _place(levels, line)
            _passed(levels)
        elif isinstance(event, yaml.ScalarEvent):
            if not levels:
                raise InvalidText(gettext("a configuration is a mapping of names to values"), line)
            if _takes_key(levels[-1], event.value, line):
                continue
            yield Scalar(
                _place(levels, line),
                event.value,
                getattr(event.start_mark, "index", 0),
                getattr(event.end_mark, "index", 0),
                line,
            )
            _passed(levels)


def _takes_key(level: _Level, value: str, line: int) -> bool:
    if not level.is_mapping or level.key is not None:
        return False
    if value in level.seen and value != "<<":
        raise InvalidText(
            gettext("%(value)s occurs twice in one mapping") % {"value": f"{value!r}"}, line
        )
    level.seen.add(value)
    level.key = value
    return True


def _place(levels: list[_Level], line: int) -> Path:
    if not levels:
        return ()
    level = levels[-1]
    if level.is_mapping and level.key is None:
        raise InvalidText(gettext("a name must be a plain text"), line)
    return (*level.path, str(level.key) if level.is_mapping else level.count)


def _passed(levels: list[_Level]) -> None:
    if levels:
        levels[-1].key = None
        levels[-1].count += 1


def set_value(text: str, path: tuple[str, ...], value: str | int | bool) -> str:
    """The text with one value set, where it is or, for a name of the first or second level,
    where it would. Raises InvalidText."""
    written, end = _written(value), usual_end(text)
    for scalar in scalars(text):
        if scalar.path == path:
            gap = (
                " "
                if scalar.start == scalar.end
                and not text[scalar.start - 1 : scalar.start].isspace()
                else ""
            )
            return f"{text[: scalar.start]}{gap}{written}{text[scalar.end :]}"
    if len(path) == 2 and (
        section := re.search(
            rf"^{re.escape(path[0])}:[ \t]*(?:#[^\r\n]*)?\r?\n", text, re.MULTILINE
        )
    ):
        inner = re.match(r"(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*([ ]+)\S", text[section.end() :])
        indent = inner[1] if inner else "  "
        return f"{text[: section.end()]}{indent}{path[1]}: {written}{end}{text[section.end() :]}"
    ended = text if text.endswith("\n") or not text else text + end
    nested = "".join(
        f"{'  ' * depth}{name}:{' ' + written if depth == len(path) - 1 else ''}{end}"
        for depth, name in enumerate(path)
    )
    result = ended + nested
    scalars(result)
    return result


def _written(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        str(value)
        if isinstance(value, int)
        else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def value_at(text: str, path: tuple[str, ...]) -> str | None:
    """The value as it is written, None if there is none. Raises InvalidText."""
    return next((scalar.value for scalar in scalars(text) if scalar.path == path), None)


def check_replacement(text: str, before: str) -> None:
    """Raise InvalidText for what the upstream would take and users would regret: no text, no key of
    ours, no client key."""
    if not text.strip():
        raise InvalidText(gettext("an empty configuration takes the management key with it"))
    if control := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        raise InvalidText(gettext("a control character"), text.count("\n", 0, control.start()) + 1)
    if len(text.encode()) > LARGEST_BYTES:
        raise InvalidText(gettext("larger than %(size)s KiB") % {"size": LARGEST_BYTES // 1024})
    now, then = scalars(text), scalars(before)
    _refuse_expansion(text)
    if _management_key(then) and not _management_key(now):
        raise InvalidText(
            gettext(
                "remote-management.secret-key is missing: the upstream would refuse management,"
                " this dashboard included"
            )
        )
    if _client_keys(then) and not _client_keys(now):
        raise InvalidText(
            gettext("api-keys is empty: the upstream would serve every request, without a key")
        )


def _management_key(found: list[Scalar]) -> bool:
    return any(
        scalar.path == ("remote-management", "secret-key") and scalar.value.strip()
        for scalar in found
    )


def _client_keys(found: list[Scalar]) -> bool:
    return any(scalar.path[:1] == ("api-keys",) and scalar.value.strip() for scalar in found)


def has_values_of(text: str, wanted: str) -> bool:
    """Whether a text has every value of the wanted one; the upstream hashes its key and lays out
    comments anew (contract 8.3)."""

    def values(of: str) -> set[tuple[Path, str]]:
        return {
            (scalar.path, scalar.value)
            for scalar in scalars(of)
            if scalar.path != ("remote-management", "secret-key")
        }

    return values(wanted) <= values(text)
