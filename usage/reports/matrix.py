"""Two dimensions crossed: what each pair of their values used, with all values beyond the largest
as one, and sums over rows, columns and everything."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from usage.history.dimensions import MAX_VALUES, Dimension
from usage.history.labels import group_value, labels
from usage.history.measures import added, paid
from usage.history.snapshot import Row, one_instant
from usage.history.summaries import GroupValue, SummaryQuery
from usage.models import COST_KINDS

_Key = TypeVar("_Key", bound=Hashable)
_MEASURES = ("attempts", "requests", "failed", "total_tokens", *COST_KINDS, "priced")


@dataclass(frozen=True, slots=True)
class Cell:
    """What was used; cost in nano-dollars, None where nothing has a price."""

    attempts: int
    requests: int
    failed: int
    total_tokens: int
    cost_nano_usd: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A row or a column: its value, or how many `others` it sums, and what all of it used.
    `values` are what filters accept of it, empty where they are too many."""

    name: GroupValue | None
    values: Sequence[str]
    others: int
    total: Cell


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows and columns, largest first and the rest last; `cells` by row, None where nothing was
    used."""

    rows: Sequence[Line]
    columns: Sequence[Line]
    cells: Sequence[Sequence[Cell | None]]
    total: Cell


_Values = Sequence[str]


def matrix(query: SummaryQuery, columns_shown: int | None = None) -> Matrix:
    """The two dimensions that the query groups by, ranked by its `order`: its `top` rows, and as
    many columns or so many. Raises InvalidQuery where it would need pruned events."""
    with one_instant():
        found = query.over([query.period], query.groups).sums(_MEASURES)
        rows, columns = (
            _ranked(found, f"group_{number}", query.order, top)
            for number, top in ((1, query.top), (2, columns_shown or query.top))
        )
        places = [_places(rows, "group_1"), _places(columns, "group_2")]
        cells = _summed(found, lambda row: (places[0](row), places[1](row)))
        return Matrix(
            _lines(query.groups[0], rows, _summed(found, places[0])),
            _lines(query.groups[1], columns, _summed(found, places[1])),
            [[cells.get((r, c)) for c in range(len(columns))] for r in range(len(rows))],
            _cell(found),
        )


def _ranked(found: Sequence[Row], group: str, order: str, top: int) -> list[_Values]:
    """The values of each row or column: one each, largest first, and the rest together."""
    sizes = {
        value: getattr(cell, order) or 0
        for value, cell in _summed(found, lambda row: row[group]).items()
    }
    ranked = sorted(sizes, key=lambda value: (-sizes[value], value))
    # A rest of one value is that value.
    top = top if len(ranked) > top + 1 else len(ranked)
    return [*([value] for value in ranked[:top]), *([ranked[top:]] if ranked[top:] else [])]


def _places(lines: Sequence[_Values], group: str) -> Callable[[Row], int]:
    """Finds the line that a row of sums belongs to."""
    places = {value: place for place, values in enumerate(lines) for value in values}
    return lambda row: places[row[group]]


def _summed(found: Iterable[Row], key: Callable[[Row], _Key]) -> dict[_Key, Cell]:
    rows: dict[_Key, list[Row]] = {}
    for row in found:
        rows.setdefault(key(row), []).append(row)
    return {key: _cell(those) for key, those in rows.items()}


def _cell(rows: Sequence[Row]) -> Cell:
    row = added(rows)
    return Cell(
        row["attempts"], row["requests"], row["failed"], row["total_tokens"] or 0, paid(row)
    )


def _lines(
    dimension: Dimension, lines: Sequence[_Values], totals: Mapping[int, Cell]
) -> list[Line]:
    names = labels(dimension, [values[0] for values in lines if len(values) == 1])

    def line(place: int, values: _Values) -> Line:
        accepted = [group_value(dimension, value) for value in values]
        is_rest = len(values) > 1
        name = None if is_rest else GroupValue(accepted[0], names[values[0]])
        named = accepted if len(accepted) <= MAX_VALUES else ()
        return Line(name, named, len(values) if is_rest else 0, totals[place])

    return [line(place, values) for place, values in enumerate(lines)]
