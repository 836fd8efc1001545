"""Rows of sums of days that are over, and of what came later."""

from collections.abc import Sequence
from typing import Any

from usage.history.snapshot import Row
from usage.history.source_sql import MAXIMA

_LABELS = frozenset({"number", "rank", "groups"})


def joined(past: list[Row], later: list[Row], groups: Sequence[str]) -> list[Row]:
    """All rows by number and then by attempts, most first, as both are. The one interval that is
    past in part has rows in both: those of the same `groups` are added up."""
    if not past or not later or past[-1]["number"] != later[0]["number"]:
        return past + later
    number = later[0]["number"]
    before = [row for row in past if row["number"] < number]
    sums: dict[tuple[Any, ...], Row] = {}
    for row in (*past[len(before) :], *(row for row in later if row["number"] == number)):
        key = tuple(row[group] for group in groups)
        sums[key] = summed(sums[key], row, groups) if key in sums else row
    ranked = sorted(sums.items(), key=lambda found: (-found[1]["attempts"], found[0]))
    after = [row for row in later if row["number"] > number]
    return [*before, *(row for _, row in ranked), *after]


def summed(one: Row, other: Row, groups: Sequence[str]) -> Row:
    """Two rows of one number added up; groups and what has no sum are those of the first."""
    return one | {
        name: max(value, other[name]) if name in MAXIMA else _sum(value, other[name])
        for name, value in one.items()
        if name not in _LABELS and name not in groups
    }


def _sum(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
