"""The newest failures of each class with their bodies, as they are stored: secrets masked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from usage.events.query import EventQuery
from usage.failure_report.report import ReportQuery
from usage.history.snapshot import Row, one_instant, rows

EACH = 3
SHOWN_CHARACTERS = 600
# Of so many of the newest failures most classes have enough.
_WALK = 500
_COLUMNS = """e.id, e."timestamp", e.fail_status, left(e.fail_body, {shown}) AS body,
    length(e.fail_body) > {shown} AS is_cut, s.failure_class, s.model"""


@dataclass(frozen=True, slots=True)
class Body:
    """One failure: its event, when, of which model, its status and the beginning of its body."""

    event_id: int
    at: datetime
    model: str
    status: int | None
    text: str
    is_cut: bool


def newest_bodies(query: ReportQuery, classes: Iterable[str]) -> dict[str, list[Body]]:
    """Of each class the newest few, newest first."""
    with one_instant():
        found = _of_the_newest(query)
        for name in classes:
            # A class with fewer in the walk may have older ones.
            if len(found.get(name, ())) < EACH:
                found[name] = _of_class(query, name)
    return found


def _of_the_newest(query: ReportQuery) -> dict[str, list[Body]]:
    found: dict[str, list[Body]] = {}
    for row in _read("walk", query, _WALK):
        bodies = found.setdefault(row["failure_class"], [])
        if len(bodies) < EACH:
            bodies.append(_body(row))
    return found


def _of_class(query: ReportQuery, name: str) -> list[Body]:
    return [_body(row) for row in _read("of_class", query, EACH, name)]


def _read(statement: str, query: ReportQuery, count: int, name: str = "") -> list[Row]:
    events = EventQuery(query.period.start, query.period.end, query.scope, query.failures)
    of_class = "s.failure_class = %(name)s" if name else "s.failed"
    return rows(
        f"failure_report.bodies.{statement}",
        f"""SELECT {_COLUMNS.format(shown=SHOWN_CHARACTERS)}
        FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
        WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
            AND e.fail_body IS NOT NULL AND {of_class} AND {events.accepted_sql}
        ORDER BY e."timestamp" DESC, e.id DESC LIMIT %(count)s""",
        {**events.parameters, "count": count, "name": name},
    )


def _body(row: Row) -> Body:
    return Body(
        row["id"], row["timestamp"], row["model"], row["fail_status"], row["body"], row["is_cut"]
    )
