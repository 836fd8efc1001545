"""YAML of strangers: read by the fast parser only once it is known not to hurt it.

The C loader recurses without a bound and takes the whole process down on deep nesting; the Python
one is too slow for a large configuration. So the events are counted first, which needs no
recursion.
"""

from typing import Any

import yaml

DEEPEST = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class BadYaml(Exception):
    """It is no YAML, or nested beyond reason."""


def read_yaml(text: bytes) -> Any:
    """The document. Raises BadYaml."""
    try:
        _refuse_deep_nesting(text)
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadYaml("no YAML") from error


def _refuse_deep_nesting(text: bytes) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise BadYaml("nested too deeply")


def write_yaml(document: Any) -> bytes:
    """The document as YAML, its members in their order."""
    written: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    return written.encode()
