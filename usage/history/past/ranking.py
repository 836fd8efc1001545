"""Ranking groups by what was read of days that are over and of the present one, as the database
ranks them where all is read at once."""

from collections.abc import Callable, Sequence
from typing import Any

from usage.history.past.rows import summed
from usage.history.snapshot import Row

_Key = tuple[Any, ...]


def ranked(rows: Sequence[Row], names: Sequence[str], top: int, order: Sequence[str]) -> list[Row]:
    """Rows of sums by number and group with `rank` and `groups`, by number and rank: those beyond
    the `top` of the sum of the columns `order` over all numbers are one together, whose group is
    None."""

    def group_of(row: Row) -> _Key:
        return tuple(row[name] for name in names)

    ranks = _ranks(rows, group_of, order)
    shown = [row | {"rank": ranks[group_of(row)], "groups": 1} for row in rows]
    others = max(len(ranks) - top, 0)
    rest = {**dict.fromkeys(names), "rank": top + 1, "groups": others}
    beyond: dict[int, Row] = {}
    for row in shown:
        if row["rank"] > top:
            number = row["number"]
            held = beyond.get(number)
            beyond[number] = (summed(held, row, names) if held else row) | rest
    found = [row for row in shown if row["rank"] <= top]
    return sorted([*found, *beyond.values()], key=lambda row: (row["number"], row["rank"]))


def _ranks(
    rows: Sequence[Row], group_of: Callable[[Row], _Key], order: Sequence[str]
) -> dict[_Key, int]:
    sizes: dict[_Key, int | None] = {}
    for row in rows:
        columns = [row[name] for name in order]
        size = None if None in columns else sum(columns)
        group = group_of(row)
        known = sizes.get(group)
        sizes[group] = known if size is None else size + (known or 0)

    def place(group: _Key) -> _Key:
        size = sizes[group]
        return size is None, -(size or 0), group

    return {group: rank for rank, group in enumerate(sorted(sizes, key=place), 1)}
