"""YAML of strangers: read by the fast parser only once it is known not to hurt it.

The C parser recurses without a bound and takes the whole process down on deep nesting, and a few
lines of aliases may mean billions of values. So the events are counted first, which needs neither
recursion nor room. Unknown tags mean nothing here, as upstream: what bears one is read as it is
written, and nothing is ever constructed by its name.
"""

from typing import Any

import yaml

DEEPEST = 64
# How many values aliases may add to those that are written out.
MOST_ALIASED = 10_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG = "tag:yaml.org,2002:"
_SCALARS: dict[str, Any] = {
    f"{_TAG}null": yaml.SafeLoader.construct_yaml_null,
    f"{_TAG}bool": yaml.SafeLoader.construct_yaml_bool,
    f"{_TAG}int": yaml.SafeLoader.construct_yaml_int,
    f"{_TAG}float": yaml.SafeLoader.construct_yaml_float,
}


class BadYaml(Exception):
    """It is no YAML, or nested or expanding beyond reason; `line` counts from 1, 0 if no line is at
    fault."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message, self.line = message, line


class Expansion:
    """How much a document's aliases add to what is written, counted event by event; nothing is
    expanded."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        # Anchor and size of every collection that has not ended.
        self._open: list[tuple[str | None, int]] = []
        self._added = 0

    def take(self, event: yaml.Event) -> None:
        """Count the next event. Raises BadYaml at the alias that is one too many, names nothing, or
        is within what it names."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._note(*self._open.pop())
        elif isinstance(event, yaml.ScalarEvent):
            self._note(event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            self._note(None, self._aliased(event))

    def _note(self, anchor: str | None, size: int) -> None:
        if anchor:
            self._sizes[anchor] = size
        if self._open:
            around, so_far = self._open[-1]
            self._open[-1] = (around, so_far + size)

    def _aliased(self, event: yaml.AliasEvent) -> int:
        line = _line(event.start_mark)
        if event.anchor in (anchor for anchor, _ in self._open):
            raise BadYaml(f"*{event.anchor} is within what it names", line)
        if event.anchor not in self._sizes:
            raise BadYaml(f"*{event.anchor} names nothing above", line)
        size = self._sizes[event.anchor]
        self._added += size
        if self._added > MOST_ALIASED:
            raise BadYaml(f"aliases would expand to more than {MOST_ALIASED:,} values", line)
        return size


def read_yaml(text: str | bytes) -> Any:
    """The document: mappings, lists, texts, numbers, true, false, None. Raises BadYaml."""
    try:
        _refuse_harmful(text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise BadYaml(f"no YAML: {error.problem}", line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadYaml("no YAML") from error
    return None if root is None else value_of(root)


def _refuse_harmful(text: str | bytes) -> None:
    depth, expansion = 0, Expansion()
    for event in yaml.parse(text, Loader=_LOADER):
        expansion.take(event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise BadYaml("nested too deeply", _line(event.start_mark))


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 0


def value_of(node: yaml.Node) -> Any:
    """What a node of a document means that `Expansion` has let pass. Raises BadYaml."""
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode) -> dict[Any, Any]:
    own: dict[Any, Any] = {}
    merged: dict[Any, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise BadYaml("a name must be a plain text", _line(key.start_mark))
        if key.tag == f"{_TAG}merge":
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(part, yaml.MappingNode):
                    merged = {**_mapping(part), **merged}
        else:
            own[_scalar(key)] = value_of(value)
    return {**merged, **own}


def _scalar(node: yaml.Node) -> Any:
    construct = _SCALARS.get(node.tag)
    try:
        return construct(_CONSTRUCTOR, node) if construct else node.value
    except (KeyError, ValueError, IndexError, yaml.YAMLError):
        return node.value  # `!!int soon`


_CONSTRUCTOR = yaml.SafeLoader("")


def write_yaml(document: Any) -> bytes:
    """The document as YAML, its members in their order."""
    written: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return written.encode()
