"""When there is activity: attempts by day of the week and hour of the day, in the window's zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.windows import Bucket, Interval, Window

LEAST_DAYS, MOST_DAYS = 7, 28


# Without slots, with which the cache would take several times as long to pickle them.
@dataclass(frozen=True)
class Cell:
    """One hour of one day of the week: attempts, and those that failed."""

    attempts: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Activity:
    """Seven rows of 24 cells, Monday first, over the days of `window`."""

    window: Window
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def busiest(self) -> int:
        """The attempts of the cell that has most."""
        return max(cell.attempts for row in self.rows for cell in row)


def activity(scope: Scope, window: Window) -> Activity:
    """The activity of the last days of a window, at least a week and at most four."""
    days = min(max(len(window.days), LEAST_DAYS), MOST_DAYS)
    shown = Window(window.last - timedelta(days=days - 1), window.last, window.zone)
    hours = list(Bucket.HOUR.cut(shown.period))
    found = {
        row["number"]: (row["attempts"], row["failed"])
        for row in Query(hours, scope).sums(("attempts", "failed"))
    }
    counted = ((hour, *found.get(number, (0, 0))) for number, hour in enumerate(hours))
    return Activity(shown, _rows(counted, shown))


def _rows(
    counted: Iterable[tuple[Interval, int, int]], shown: Window
) -> tuple[tuple[Cell, ...], ...]:
    cells = [[Cell()] * 24 for _ in range(7)]
    for hour, attempts, failed in counted:
        start = hour.start.astimezone(shown.zone)
        was = cells[start.weekday()][start.hour]
        cells[start.weekday()][start.hour] = Cell(was.attempts + attempts, was.failed + failed)
    return tuple(tuple(row) for row in cells)
