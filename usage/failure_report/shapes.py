"""Bodies that no rule knows, so that the status alone chose their class, grouped by shape: what is
left of a body without its numbers, ids and quoted values.

What is read is bounded: the newest READ failures of the period. The result shows how many there
were in them, and whether there are older ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from usage.events.query import EventQuery
from usage.failure_report.report import ReportQuery
from usage.failures.rules import READ_CHARACTERS, recognised
from usage.history.snapshot import Row, rows
from usage.models.failures import FailureClass

READ = 20_000
SHAPES_SHOWN = 50
EVENTS_SHOWN = 5
SHAPE_CHARACTERS = 300
_QUOTED = re.compile(r"""(?<!\w)(?:'[^']{1,80}'|`[^`]{1,80}`|\\"[^"\\]{1,80}\\")(?!\w)""")
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+|[\w.+-]+@[\w.-]+")
_ID = re.compile(r"\b(?=[\w-]*\d)[\w-]+|\*{2,}[\w.-]*|[\w.-]*\*{2,}")
_REPEATED = re.compile(r"#(?:\s*[#.:,/-]+\s*#)+")
_SPACED = re.compile(r"\s*([:,{}\[\]])\s*")
_QUOTES = re.compile(r"""["'`“”‘’\\]""")


@dataclass(slots=True)
class Shape:
    """One shape: its class by status, how often, when, and its newest events and body."""

    text: str
    failure_class: FailureClass
    status: int
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    sample: str = ""
    events: list[int] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a body of this shape; rows come from the newest on."""
        self.count += row["count"]
        self.first = min(self.first or row["first"], row["first"])
        self.last = max(self.last or row["last"], row["last"])
        self.sample = self.sample or row["body"]
        self.events = [*self.events, *row["events"]][:EVENTS_SHOWN]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The most frequent shapes, how many more there are, and of how many failures they are."""

    shapes: Sequence[Shape]
    others: int
    unknown: int
    read: int

    @property
    def is_all(self) -> bool:
        """Whether every failure of the period was read."""
        return self.read < READ


def shape_of(body: str) -> str:
    """A body without what differs between two of a kind."""
    text = _ADDRESS.sub("#", body[:READ_CHARACTERS].lower())
    text = _ID.sub("#", _QUOTED.sub("#", text))
    text = " ".join(_SPACED.sub(r"\1", _QUOTES.sub("", text)).split())
    return _REPEATED.sub("#", text)[:SHAPE_CHARACTERS]


def unknown_shapes(query: ReportQuery) -> Unknown:
    """The shapes of the period's unknown bodies, most frequent first."""
    shapes: dict[tuple[str, str, int], Shape] = {}
    found = _bodies(query)
    for row in found:
        if recognised(row["status"], row["body"]) is None:
            key = (shape_of(row["body"]), row["failure_class"], row["status"])
            if key not in shapes:
                shapes[key] = Shape(key[0], FailureClass(key[1]), key[2])
            shapes[key].add(row)
    ranked = sorted(shapes.values(), key=lambda shape: (-shape.count, shape.text))
    return Unknown(
        ranked[:SHAPES_SHOWN],
        len(ranked[SHAPES_SHOWN:]),
        sum(shape.count for shape in ranked),
        sum(row["count"] for row in found),
    )


def _bodies(query: ReportQuery) -> list[Row]:
    """The different bodies among the newest failures, the newest first."""
    events = EventQuery(query.period.start, query.period.end, query.scope, query.failures)
    return rows(
        "failure_report.shapes",
        f"""SELECT failure_class, status, body, count(*) AS count, min(at) AS first,
            max(at) AS last, (array_agg(id ORDER BY at DESC))[:{EVENTS_SHOWN}] AS events
        FROM (
            SELECT e.id, e."timestamp" AS at, coalesce(e.fail_status, 0) AS status,
                left(e.fail_body, {READ_CHARACTERS}) AS body, s.failure_class
            FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
            WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
                AND e.fail_body IS NOT NULL AND s.failed AND {events.accepted_sql}
            ORDER BY e."timestamp" DESC, e.id DESC LIMIT {READ}
        ) AS newest GROUP BY 1, 2, 3 ORDER BY last DESC""",
        events.parameters,
    )
