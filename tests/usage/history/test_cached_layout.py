"""The layout of what is cached has a number, which is raised with it."""

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints
from zlib import crc32

from usage.failure_report.bodies import newest_bodies
from usage.failure_report.report import report
from usage.failure_report.shapes import unknown_shapes
from usage.history import result_cache
from usage.history.summaries import breakdown
from usage.overview.queries import overview, used_since
from usage.reports.comparison import comparison
from usage.reports.matrix import matrix
from usage.reports.speed import speed
from usage.web.page_queries import page_data

# What pages cache; JSON is cached as bytes.
READS = (
    *(breakdown, comparison, matrix, newest_bodies, overview, page_data, report, speed),
    *(unknown_shapes, used_since),
)
# The number, and the classes of results that it stands for: raise the one, write the other.
LAYOUT = (4, 347_680_988)


def classes_of(hint: Any, seen: set[type]) -> Iterator[type]:
    """The dataclasses that a value of a type may hold."""
    for argument in get_args(hint):
        yield from classes_of(argument, seen)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and hint not in seen:
        seen.add(hint)
        yield hint
        for field in get_type_hints(hint).values():
            yield from classes_of(field, seen)


def test_a_changed_class_raises_the_number_of_the_layout():
    seen: set[type] = set()
    found = [one for read in READS for one in classes_of(get_type_hints(read)["return"], seen)]
    texts = sorted(
        f"{one.__module__}.{one.__qualname__}: {[field.name for field in dataclasses.fields(one)]}"
        for one in found
    )
    assert (result_cache._LAYOUT, crc32("\n".join(texts).encode())) == LAYOUT
