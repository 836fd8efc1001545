"""From a matrix to what the templates of the Matrix page write down: figures, shades and links."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from monitoring.templatetags.figures import exact, money
from usage.history.dimensions import Dimension
from usage.history.labels import label_for_people
from usage.history.summaries import SummaryQuery
from usage.reports.matrix import Cell, Line, Matrix
from usage.web.links import Links, Pairs, short_enough

# Shades of cells, of the largest one that is not a rest.
_LEVELS = 5


@dataclass(frozen=True, slots=True)
class ShownCell:
    """The measure of a cell, all of its measures in words, how dark it is (0: not at all), and its
    events; no link where the values are too many for an address."""

    measure: int | None
    title: str
    level: int
    events: str


@dataclass(frozen=True, slots=True)
class Head:
    """A row or a column: what it is called, or how many others it sums, where it leads, and its
    sum."""

    label: str
    others: int
    narrowed: str
    total: ShownCell


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with a cell for each column, None where nothing was used."""

    head: Head
    cells: Sequence[ShownCell | None]


class Figures:
    """What the page shows of a matrix."""

    def __init__(self, query: SummaryQuery, found: Matrix, links: Links) -> None:
        self._query, self._found, self._links = query, found, links
        self._largest = max(
            (
                self._measure(cell) or 0
                for row, cells in zip(found.rows, found.cells, strict=True)
                for column, cell in zip(found.columns, cells, strict=True)
                if cell and not row.others and not column.others
            ),
            default=0,
        )

    def context(self) -> dict[str, object]:
        """The context of the page."""
        found = self._found
        rows, columns = self._query.groups
        return {
            "found": found,
            "page_query": self._query,
            "row_dimension": rows,
            "column_dimension": columns,
            "columns": [self._head(columns, column) for column in found.columns],
            "rows": [
                ShownRow(self._head(rows, row), self._cells(row, cells))
                for row, cells in zip(found.rows, found.cells, strict=True)
            ],
            "total": self._shown(found.total, [], is_shaded=False),
        }

    def _head(self, dimension: Dimension, line: Line) -> Head:
        name = line.name
        pairs = _pairs(dimension, line)
        return Head(
            label_for_people(dimension, name.value, name.label) if name else "",
            line.others,
            self._links.narrowed(pairs or []) if name else "",
            self._shown(line.total, pairs, is_shaded=False),
        )

    def _cells(self, row: Line, cells: Sequence[Cell | None]) -> list[ShownCell | None]:
        row_dimension, column_dimension = self._query.groups
        shown: list[ShownCell | None] = []
        for column, cell in zip(self._found.columns, cells, strict=True):
            one, other = _pairs(row_dimension, row), _pairs(column_dimension, column)
            pairs = None if one is None or other is None else [*one, *other]
            is_shaded = not row.others and not column.others
            shown.append(self._shown(cell, pairs, is_shaded=is_shaded) if cell else None)
        return shown

    def _shown(self, cell: Cell, pairs: Pairs | None, *, is_shaded: bool) -> ShownCell:
        measure = self._measure(cell)
        level = 0
        if is_shaded and self._largest:
            level = math.ceil(_LEVELS * (measure or 0) / self._largest)
        failed: Pairs = [("outcome", "failed")] if self._query.order == "failed" else []
        events = "" if pairs is None else short_enough(self._links.events([*pairs, *failed]))
        return ShownCell(measure, _title(cell), level, events)

    def _measure(self, cell: Cell) -> int | None:
        measure: int | None = getattr(cell, self._query.order)
        return measure


def _title(cell: Cell) -> str:
    return _("%(requests)s requests, %(failed)s attempts failed, %(tokens)s tokens, %(cost)s") % {
        "requests": exact(cell.requests),
        "failed": exact(cell.failed),
        "tokens": exact(cell.total_tokens),
        "cost": money(cell.cost_nano_usd),
    }


def _pairs(dimension: Dimension, line: Line) -> Pairs | None:
    """The filters that accept just this row or column; None where they would be too many."""
    return [(dimension.value, value) for value in line.values] if line.values else None
