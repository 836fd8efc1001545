"""From a report of failures to what the templates of the Failures page write down: shares, changes,
a chart, links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from usage.failure_report.bodies import Body
from usage.failure_report.report import ClassCounts, Line, Matrix, Report, ReportQuery
from usage.failures.guidance import Guidance
from usage.history.windows import Window
from usage.web.charts import Chart, Series, Slot, bar_chart
from usage.web.links import Links, Pairs, moved, short_enough, slots
from usage.web.tiles import change, share

# So many classes have a colour of their own in the chart.
COLOURED = 6
_REST = "other"


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class in the table: counts, the share of failures in percent, when it was first and last
    seen in the range, its newest bodies, and where the figures lead."""

    guidance: Guidance
    count: int
    before: int
    share: float
    change: float | None
    first: Slot
    last: Body | None
    bodies: Sequence[Body]
    events: str
    events_before: str


@dataclass(frozen=True, slots=True)
class Cell:
    """How many failures, and their events; no link where the values are too many for an address."""

    count: int
    events: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """The failures of one value, of all classes and of each; `others` values together where it has
    no label."""

    label: str
    others: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class MatrixTable:
    """A matrix with a column for each class."""

    name: str
    label: str
    classes: Sequence[Guidance]
    rows: Sequence[MatrixRow]


class Figures:
    """What the page shows of a report."""

    def __init__(
        self, query: ReportQuery, window: Window, found: Report, parameters: Pairs, now: datetime
    ) -> None:
        self.query, self.window, self.found = query, window, found
        self._links = Links(parameters, window.zone)
        self._links_before = Links(moved(parameters, window.previous), window.zone)
        self._slots = slots(window, query.bucket, self._links, now)

    def context(self, bodies: Mapping[str, Sequence[Body]]) -> dict[str, object]:
        """The context of the page beside its report."""
        found = self.found
        return {
            "failed_share": share(found.failed, found.attempts),
            "failed_share_before": share(found.failed_before, found.attempts_before),
            "failed_change": change(found.failed, found.failed_before),
            "failed_events": self._links.events([("outcome", "failed")]),
            "chart": self._chart() if found.classes else None,
            "classes": [
                self._class(counted, bodies.get(counted.failure_class, ()))
                for counted in found.classes
            ],
            "matrices": [self._matrix(matrix) for matrix in found.matrices],
        }

    def _chart(self) -> Chart:
        coloured, rest = self.found.classes[:COLOURED], self.found.classes[COLOURED:]
        series = tuple(
            Series(c.failure_class.value, capfirst(c.guidance.name), f"class-{number}")
            for number, c in enumerate(coloured, 1)
        )
        columns = {c.failure_class.value: c.points for c in coloured}
        columns[_REST] = [sum(points) for points in zip(*(c.points for c in rest), strict=True)]
        if rest:
            series = (*series, Series(_REST, _("Other classes"), "class-rest"))
        return bar_chart(self._slots, columns, series)

    def _class(self, counted: ClassCounts, bodies: Sequence[Body]) -> ClassRow:
        name = [("failure_class", counted.failure_class.value)]
        first = next(number for number, count in enumerate(counted.points) if count)
        return ClassRow(
            guidance=counted.guidance,
            count=counted.count,
            before=counted.before,
            share=share(counted.count, self.found.failed),
            change=change(counted.count, counted.before),
            first=self._slots[first],
            last=bodies[0] if bodies else None,
            bodies=bodies,
            events=self._links.events(name),
            events_before=self._links_before.events(name),
        )

    def _matrix(self, matrix: Matrix) -> MatrixTable:
        dimension, classes = matrix.dimension, [c.guidance for c in self.found.classes]
        failures: list[Pairs] = [
            [("outcome", "failed")],
            *([("failure_class", g.failure_class.value)] for g in classes),
        ]
        # Of a hundred values: composed once a line, not once a cell.
        columns = [self._links.events(pairs, without=dimension.value) for pairs in failures]
        rows = [self._matrix_row(dimension.value, line, columns) for line in matrix.lines]
        return MatrixTable(dimension.value, dimension.label, classes, rows)

    def _matrix_row(self, name: str, line: Line, columns: Sequence[str]) -> MatrixRow:
        values = urlencode([(name, value) for value in line.values])
        names = [counted.failure_class.value for counted in self.found.classes]
        counts = [line.total, *(line.counts[name] for name in names)]
        return MatrixRow(
            line.name.label if line.name else "",
            line.others,
            [
                Cell(count, short_enough(f"{column}&{values}") if values and count else "")
                for count, column in zip(counts, columns, strict=True)
            ],
        )
