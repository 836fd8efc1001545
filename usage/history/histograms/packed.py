"""Histograms as the database sends them: the bins and the counts of any number of rows, packed one
after the other. Both sides need a fraction of what lists of numbers take, and adding them up here
is quicker than unnesting and grouping them there.

As bytes, an array is a head of 20 bytes, and then each element after its length: four bytes, most
significant first, which is how PostgreSQL sends arrays to any client.
"""

import sys
from array import array
from collections.abc import Iterable
from operator import add

from usage.history.snapshot import Row

# The counts of the bins 0, 1...
Counts = list[int]
# The number of an interval, or None, rank and measure.
Place = tuple[int | None, int, int]
_HEAD = 20
_LENGTH = 4


def packed_sql(column: str) -> str:
    """The aggregate of a column of arrays; several in one SELECT take the rows in one order."""
    return f"string_agg(substr(array_send({column}), {_HEAD + 1}), ''::bytea)"


def by_place(rows: Iterable[Row]) -> dict[Place, Counts]:
    """The counts of rows by their `number`, `rank` and `measure`, added up; `bins` are packed
    `smallint`, `counts` packed `integer`. Rows without a bin are left out."""
    found: dict[Place, Counts] = {}
    for row in rows:
        if row["bins"]:
            place = row["number"], row["rank"], row["measure"]
            found[place] = summed(found.get(place, []), _counts(row["bins"], row["counts"]))
    return found


def over_numbers(found: dict[Place, Counts]) -> dict[tuple[int, int], Counts]:
    """Those of all numbers together, by rank and measure."""
    whole: dict[tuple[int, int], Counts] = {}
    for (_, rank, measure), counts in found.items():
        whole[rank, measure] = summed(whole.get((rank, measure), []), counts)
    return whole


def _counts(packed_bins: bytes, packed_counts: bytes) -> Counts:
    bins, each = _unpacked("h", packed_bins), _unpacked("i", packed_counts)
    counts = [0] * (max(bins) + 1)
    for number, count in zip(bins, each, strict=True):
        counts[number] += count
    return counts


def _unpacked(kind: str, packed: bytes) -> "array[int]":
    numbers = array(kind, packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    lengths = _LENGTH // numbers.itemsize
    return numbers[lengths :: lengths + 1]


def summed(one: Counts, other: Counts) -> Counts:
    """Both added up."""
    shorter, longer = sorted((one, other), key=len)
    return [*map(add, shorter, longer), *longer[len(shorter) :]]
