"""Running a query on the sources that its plan names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from zoneinfo import ZoneInfo

from monitoring.api.instants import iso
from usage.history.dimensions import InvalidQuery
from usage.history.planner import EVENTS, Piece
from usage.history.snapshot import Row, once, rows
from usage.history.source_sql import Part
from usage.history.windows import midnight
from usage.rollups.partitions import events_since
from usage.rollups.tables import readers_calendar_zone

_FIRST_DAY = "SELECT min(bucket) AS day FROM usage_usagedailyoverall"


@dataclass(frozen=True)
class Planned:
    """The sources of a query."""

    parts: list[Part]

    def rows(
        self,
        name: str,
        parts: Sequence[str],
        rest: str,
        parameters: dict[str, object],
        *,
        has_bytes: bool = False,
    ) -> list[Row]:
        """The rows of `rest` over `parts`, whose SQL may be followed by more of WITH. Raises
        InvalidQuery where events are needed that were pruned."""
        if not self.parts:
            return []
        self._refuse_pruned()
        parameters |= {"owner": self.parts[0].scope.owner_id, **self.parts[0].filters.parameters}
        for part in self.parts:
            parameters |= part.parameters
        statement = f"WITH parts AS ({' UNION ALL '.join(parts)}) {rest}"
        found = rows(f"history.{name}", statement, parameters, has_bytes=has_bytes)
        # A pruning meanwhile may have taken events away.
        self._refuse_pruned()
        return found

    def _refuse_pruned(self) -> None:
        for part in self.parts:
            if part.source is EVENTS:
                _refuse_pruned(part.pieces, part.calendar)


def calendar() -> ZoneInfo:
    """The zone whose days daily rollups have."""
    return ZoneInfo(once("calendar", readers_calendar_zone))


def is_collected(start: datetime) -> bool:
    """Whether usage has been collected since before an instant, or on its day at the latest."""
    first = first_day()
    return first is not None and midnight(first, calendar()) <= start


def _refuse_pruned(pieces: Sequence[Piece], calendar: ZoneInfo) -> None:
    """Raise InvalidQuery if events are needed of a time whose events were pruned, and there were
    any."""
    since = once("events since", events_since)
    if since is None or pieces[0].start >= since:
        return
    first = first_day()
    if first and any(
        piece.start < since and piece.end > midnight(first, calendar) for piece in pieces
    ):
        oldest = iso(since, "minutes")
        raise InvalidQuery(
            {
                "from": (
                    f"expected not before {oldest}, as older events were dropped and what is"
                    " kept of them is not exact enough for this: choose whole days in"
                    f" {calendar.key}, or fewer dimensions"
                )
            }
        )


def first_day() -> date | None:
    """The first day with usage, in the calendar of daily rollups; None without any."""
    found = once("first day", lambda: rows("history.first_day", _FIRST_DAY, {}))
    return cast("date | None", found[0]["day"])
