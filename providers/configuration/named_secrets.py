"""Which scalars of a configuration are secrets by the names under which the upstream finds them.

An alias finds a scalar under other names than those it is written under (`note: &k sk-…` and
`api-keys: [*k]`), so the document is a graph. Of a path only what decides is kept (`_Place`), and
each node is visited once for each such place: work grows with the text, never with what its aliases
expand to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from monitoring.masking import NAMES_OF_SECRETS

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A setting is a secret if its name ends so: `key-file` and `token-limit` are none.
_SECRET_KEY = re.compile(rf"(?:^|[-_.])(?:api-?)?(?:{NAMES_OF_SECRETS}|auth|dsn)s?$", re.IGNORECASE)
# Paths of files and switches, whatever their names sound like.
_HARMLESS_IN_TLS = frozenset({"key", "cert"})
# What may precede a scalar and belongs to it: its anchor and its tag.
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


@dataclass(frozen=True)
class Secret:
    """A secret and its place, with the quotes around it."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class _Place:
    is_secret: bool = False
    in_headers: bool = False
    is_root: bool = False
    is_tls: bool = False

    def under(self, name: str) -> "_Place":
        is_harmless = self.is_tls and name in _HARMLESS_IN_TLS
        return _Place(
            is_secret=not is_harmless and (self.in_headers or bool(_SECRET_KEY.search(name))),
            in_headers=self.in_headers or name.lower() == "headers",
            is_tls=self.is_root and name == "tls",
        )


@dataclass(eq=False)
class _Node:
    """A scalar, or a collection of nodes; those of a mapping are names and values in turn."""

    scalar: Secret | None = None
    is_mapping: bool = False
    inner: list["_Node"] = field(default_factory=list)

    def inner_places(self, place: _Place) -> Iterator[tuple["_Node", _Place]]:
        if not self.is_mapping:
            yield from ((node, place) for node in self.inner)
            return
        for name, node in zip(self.inner[::2], self.inner[1::2], strict=True):
            yield node, place.under(name.scalar.value if name.scalar else "")


def named_secrets(text: str) -> list[Secret]:
    """Every scalar that is a secret by name, written there or found there by an alias, in no order.
    The text is one that `document.scalars` takes."""
    waiting = [(_graph(text), _Place(is_root=True))]
    visited = set(waiting)
    while waiting:
        node, place = waiting.pop()
        new = {*node.inner_places(place)} - visited
        visited |= new
        waiting += new
    return list({node.scalar for node, place in visited if node.scalar and place.is_secret})


def _graph(text: str) -> _Node:
    document = _Node()
    around, anchors = [document], dict[str, _Node]()
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            around.pop()
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, text, anchors)
            around[-1].inner.append(node)
            if isinstance(event, yaml.CollectionStartEvent):
                around.append(node)
    return document


def _node(event: yaml.NodeEvent, text: str, anchors: dict[str, _Node]) -> _Node:
    if isinstance(event, yaml.AliasEvent):
        return anchors.get(event.anchor or "") or _Node()
    node = _Node(_scalar(event, text), isinstance(event, yaml.MappingStartEvent))
    if event.anchor:
        anchors[event.anchor] = node
    return node


def _scalar(event: yaml.NodeEvent, text: str) -> Secret | None:
    if not isinstance(event, yaml.ScalarEvent):
        return None
    start, end = (getattr(mark, "index", 0) for mark in (event.start_mark, event.end_mark))
    properties = _PROPERTIES.match(text, start, end)
    return Secret(event.value, properties.end() if properties else start, end)
