"""The upstream's configuration as text: where its secrets stand, hiding and restoring them, single
values, checks.

Everything works on positions in the text, so that comments, order and layout stay as their author
left them.

A hidden secret is shown as a placeholder that names it by its place among the secrets of the text
that was opened (`hidden-3…9f2c`). Restoring puts back what stood there. Whatever an editor does
with placeholders, a secret never becomes visible: the restored text is hidden again and must not
show any secret of the opened one (`restored`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MASK_PREFIX = "hidden-"
LARGEST_BYTES = 1024 * 1024
DEEPEST = 40
SHORTEST_SECRET_WITH_HINT = 16

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECRET_KEY = re.compile(
    r"(?:^|[-_.])(?:api-?keys?|keys?|secrets?|tokens?|passwords?|passwd|credentials?|cookies?|authorization|auth|dsn)$",
    re.IGNORECASE,
)
# Paths of files and switches, whatever their names sound like.
_HARMLESS_PATHS = frozenset({("tls", "key"), ("tls", "cert")})
_HARMLESS_VALUES = frozenset({"", "~", "null", "true", "false"})
_URL_WITH_USER = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s]*@", re.IGNORECASE)
_COMMENTED_SECRET = re.compile(
    r"#[^\n]*?(?:key|secret|token|password|authorization|cookie)s?[\"']?\s*[:=]\s*[\"']?([^\s\"'#,]{6,})",
    re.IGNORECASE,
)
_COMMENTED_ITEM = re.compile(
    r"#\s*-\s*[\"']?((?:sk|rk|AIza|xai|eyJ|ghp|gho)[-_A-Za-z0-9.]{6,})", re.IGNORECASE
)
_PLACEHOLDER = re.compile(r"hidden-(\d{1,5})(?:…[A-Za-z0-9]{0,4})?(?![A-Za-z0-9…])")
_DAMAGED = re.compile(r"hidden-\d+…")

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
    """One scalar of the document: its path, its value, and where it stands in the text."""

    path: Path
    value: str
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class Secret:
    """A secret and where it stands, with the quotes around it."""

    value: str
    start: int
    end: int


def scalars(text: str) -> list[Scalar]:
    """All scalar values of the document, in order. Raises InvalidText unless it is one mapping
    without twice the same key."""
    try:
        return list(_walk(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidText(
            f"no valid YAML: {error.problem or error.context}", mark.line + 1 if mark else 0
        ) from error
    except yaml.YAMLError as error:
        raise InvalidText(f"no valid YAML: {error}") from error


@dataclass
class _Level:
    # A mapping whose `key` is None awaits one; a sequence counts.
    is_mapping: bool
    path: Path
    seen: set[str]
    key: str | None = None
    count: int = 0


def _walk(text: str) -> Iterator[Scalar]:
    levels: list[_Level] = []
    documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InvalidText("a configuration is one document", line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            if not levels and not is_mapping:
                raise InvalidText("a configuration is a mapping of names to values", line)
            levels.append(_Level(is_mapping, _place(levels, line), set()))
            if len(levels) > DEEPEST:
                raise InvalidText(f"nested deeper than {DEEPEST} levels", line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            levels.pop()
            _passed(levels)
        elif isinstance(event, yaml.AliasEvent):
            _place(levels, line)
            _passed(levels)
        elif isinstance(event, yaml.ScalarEvent):
            if not levels:
                raise InvalidText("a configuration is a mapping of names to values", line)
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
        raise InvalidText(f"{value!r} stands twice in one mapping", line)
    level.seen.add(value)
    level.key = value
    return True


def _place(levels: list[_Level], line: int) -> Path:
    if not levels:
        return ()
    level = levels[-1]
    if level.is_mapping and level.key is None:
        raise InvalidText("a name must be a plain text", line)
    return (*level.path, str(level.key) if level.is_mapping else level.count)


def _passed(levels: list[_Level]) -> None:
    if levels:
        levels[-1].key = None
        levels[-1].count += 1


def is_secret_path(path: Path) -> bool:
    """Whether what stands there is a secret by its name: a key, a token, any header."""
    names = [part for part in path if isinstance(part, str)]
    if not names or tuple(names) in _HARMLESS_PATHS:
        return False
    return bool(_SECRET_KEY.search(names[-1])) or "headers" in (name.lower() for name in names[:-1])


def secrets_in(text: str, *, copies: bool = True) -> list[Secret]:
    """Every secret of a configuration in order of place, in comments too, and copies of them
    anywhere. Raises InvalidText."""
    found = [
        Secret(scalar.value, scalar.start, scalar.end)
        for scalar in scalars(text)
        if (is_secret_path(scalar.path) and scalar.value.lower() not in _HARMLESS_VALUES)
        or _URL_WITH_USER.match(scalar.value)
    ]
    taken = [(secret.start, secret.end) for secret in found]
    found += [
        secret
        for secret in _elsewhere(text, {s.value for s in found} if copies else set())
        if not any(secret.start < end and start < secret.end for start, end in taken)
    ]
    return sorted(found, key=lambda secret: secret.start)


def _elsewhere(text: str, known: set[str]) -> list[Secret]:
    spans = {
        match.span(1)
        for pattern in (_COMMENTED_SECRET, _COMMENTED_ITEM)
        for match in pattern.finditer(text)
    }
    for value in known:
        if len(value) >= 8:
            spans |= {match.span() for match in re.finditer(re.escape(value), text)}
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return [Secret(text[start:end], start, end) for start, end in kept]


def hidden(text: str, *, copies: bool = True) -> str:
    """The text with a numbered placeholder for each secret, for editing. Raises InvalidText."""
    return _replaced(
        text,
        secrets_in(text, copies=copies),
        lambda number, secret: f"{MASK_PREFIX}{number}{hint_of(secret.value)}",
    )


def marked(text: str, mark: Callable[[str], str]) -> str:
    """The text with a mark for each secret that depends on its value only, for comparing. Raises
    InvalidText."""
    return _replaced(
        text, secrets_in(text), lambda _, secret: f"{hint_of(secret.value)}({mark(secret.value)})"
    )


def hint_of(value: str) -> str:
    """`…` with the last four characters of a secret long enough to spare them."""
    return (
        f"…{value[-4:]}"
        if len(value) >= SHORTEST_SECRET_WITH_HINT and value[-4:].isalnum() and value.isascii()
        else "…"
    )


def _replaced(text: str, secrets: list[Secret], placeholder: Callable[[int, Secret], str]) -> str:
    parts, position = [], 0
    for number, secret in enumerate(secrets, 1):
        ended = "\n" if text[secret.start : secret.end].endswith("\n") else ""
        parts += [text[position : secret.start], placeholder(number, secret), ended]
        position = secret.end
    return "".join([*parts, text[position:]])


def restored(edited: str, opened: str) -> str:
    """The edited text with the secrets of the opened one put back. Raises InvalidText, also where
    one would become visible."""
    secrets = secrets_in(opened)

    def original(match: re.Match[str]) -> str:
        number = int(match[1])
        if not 1 <= number <= len(secrets):
            raise InvalidText(
                f"{match[0]} stands for nothing in the text that was opened",
                edited.count("\n", 0, match.start()) + 1,
            )
        secret = secrets[number - 1]
        return opened[secret.start : secret.end].rstrip("\n")

    result = _PLACEHOLDER.sub(original, edited)
    if damaged := _DAMAGED.search(result):
        raise InvalidText(
            f"{damaged[0]} is changed; keep a placeholder as it is, or write the new value",
            result.count("\n", 0, damaged.start()) + 1,
        )
    # Judged by names alone: a copy is hidden only for as long as the original stands.
    visible, visible_before = hidden(result, copies=False), hidden(opened, copies=False)
    for secret in secrets:
        if (
            len(secret.value) >= 4
            and secret.value in visible
            and secret.value not in visible_before
        ):
            raise InvalidText(
                "a hidden value may only stand where hidden values stand: under the name of a key,"
                " token, secret or header"
            )
    return result


def set_value(text: str, path: tuple[str, ...], value: str | int | bool) -> str:
    """The text with one value set, where it stands or, for a name of the first or second level,
    where it would. Raises InvalidText."""
    written = _written(value)
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
        section := re.search(rf"^{re.escape(path[0])}:[ \t]*(?:#.*)?\n", text, re.MULTILINE)
    ):
        inner = re.match(r"(?:[ \t]*(?:#.*)?\n)*([ ]+)\S", text[section.end() :])
        indent = inner[1] if inner else "  "
        return f"{text[: section.end()]}{indent}{path[1]}: {written}\n{text[section.end() :]}"
    ended = text if text.endswith("\n") or not text else text + "\n"
    nested = "".join(
        f"{'  ' * depth}{name}:{' ' + written if depth == len(path) - 1 else ''}\n"
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
    """The value as it is written, None if nothing stands there. Raises InvalidText."""
    return next((scalar.value for scalar in scalars(text) if scalar.path == path), None)


def check_replacement(text: str, before: str) -> None:
    """Raise InvalidText for what the upstream would take and everybody regret: no text, no key of
    ours, no client key."""
    if not text.strip():
        raise InvalidText("an empty configuration takes the management key with it")
    if control := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        raise InvalidText("a control character", text.count("\n", 0, control.start()) + 1)
    if len(text.encode()) > LARGEST_BYTES:
        raise InvalidText(f"larger than {LARGEST_BYTES // 1024} KiB")
    now, then = scalars(text), scalars(before)
    if _management_key(then) and not _management_key(now):
        raise InvalidText(
            "remote-management.secret-key is missing: the upstream would refuse management, this"
            " dashboard included"
        )
    if _client_keys(then) and not _client_keys(now):
        raise InvalidText(
            "api-keys is empty: the upstream would serve requests of anybody without a key"
        )


def _management_key(found: list[Scalar]) -> bool:
    return any(
        scalar.path == ("remote-management", "secret-key") and scalar.value.strip()
        for scalar in found
    )


def _client_keys(found: list[Scalar]) -> bool:
    return any(scalar.path[:1] == ("api-keys",) and scalar.value.strip() for scalar in found)


def says(text: str, wanted: str) -> bool:
    """Whether a text has every value of the wanted one; the upstream hashes its key and lays out
    comments anew (contract 8.3)."""

    def values(of: str) -> set[tuple[Path, str]]:
        return {
            (scalar.path, scalar.value)
            for scalar in scalars(of)
            if scalar.path != ("remote-management", "secret-key")
        }

    return values(wanted) <= values(text)
