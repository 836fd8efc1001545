"""Histograms as the database sends them: the bins and the counts of any number of rows, packed one
after the other. Both sides need a fraction of what lists of numbers take, and adding them up here
is quicker than unnesting and grouping them there.

As bytes, an array is a head of 20 bytes, and then each element after its length: four bytes, most
significant first, which is how PostgreSQL sends arrays to any client.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence

from usage.history.snapshot import Row
from usage.rollups.histograms import percentile_bins

_HEAD = 20
_LENGTH = 4


def packed_sql(column: str) -> str:
    """The aggregate of a column of arrays; several in one SELECT take the rows in one order."""
    return f"string_agg(substr(array_send({column}), {_HEAD + 1}), ''::bytea)"


class Histogram:
    """The sum of the histograms of rows, unpacked but not yet added up."""

    def __init__(self) -> None:
        self._bins, self._counts = array("h"), array("i")

    def add(self, bins: bytes, counts: bytes) -> None:
        """Add packed columns of `smallint` and `integer`."""
        self._bins.extend(_unpacked("h", bins))
        self._counts.extend(_unpacked("i", counts))

    def add_all_of(self, other: "Histogram") -> None:
        """Add what another one holds."""
        self._bins.extend(other._bins)
        self._counts.extend(other._counts)

    def percentiles(self, percents: Sequence[int]) -> dict[int, int]:
        """The bins of some percentiles; there must be one."""
        places = percentile_bins(self._bins, self._counts, percents)
        return dict(zip(percents, places, strict=True))


Place = tuple[int | None, int, int]


def by_place(rows: Iterable[Row]) -> dict[Place, Histogram]:
    """The histograms of rows by their `number`, which may be None, `rank` and `measure`; those
    without a bin are left out."""
    histograms: dict[Place, Histogram] = {}
    for row in rows:
        if row["bins"]:
            place = row["number"], row["rank"], row["measure"]
            histograms.setdefault(place, Histogram()).add(row["bins"], row["counts"])
    return histograms


def over_numbers(histograms: dict[Place, Histogram]) -> dict[tuple[int, int], Histogram]:
    """Those of all numbers together, by rank and measure."""
    whole: dict[tuple[int, int], Histogram] = {}
    for (_, rank, measure), histogram in histograms.items():
        whole.setdefault((rank, measure), Histogram()).add_all_of(histogram)
    return whole


def _unpacked(kind: str, packed: bytes) -> "array[int]":
    numbers = array(kind, packed)
    if sys.byteorder == "little":
        numbers.byteswap()
    lengths = _LENGTH // numbers.itemsize
    return numbers[lengths :: lengths + 1]
