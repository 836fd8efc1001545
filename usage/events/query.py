"""Which events are requested, and places in their list: ordered by (timestamp, id), which never
changes for an event."""

import base64
import binascii
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope
from usage.history.windows import Interval

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED = struct.Struct(">Bqq")


@dataclass(frozen=True)
class Cursor:
    """A place in the list: just beyond the event at `at` with `id`, in the direction of older or
    newer ones."""

    at: datetime
    id: int
    is_newer: bool = False

    def __str__(self) -> str:
        microseconds = (self.at - _EPOCH) // timedelta(microseconds=1)
        return (
            base64.urlsafe_b64encode(_PACKED.pack(self.is_newer, microseconds, self.id))
            .decode()
            .rstrip("=")
        )

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that a text stands for; raises ValueError."""
        try:
            is_newer, microseconds, event_id = _PACKED.unpack(
                base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            )
            cursor = cls(_EPOCH + timedelta(microseconds=microseconds), event_id, bool(is_newer))
        except (binascii.Error, struct.error, OverflowError, ValueError):
            cursor = None
        if cursor is None or str(cursor) != text:
            raise ValueError(f"expected a cursor of an earlier response, got {text[:40]!r}")
        return cursor


@dataclass(frozen=True)
class EventQuery:
    """Which events: those in `[start, end)`, and there in `hours` (ascending) unless it is None,
    that the scope may see and the filters accept."""

    start: datetime
    end: datetime
    scope: Scope
    filters: Filters
    request_id: str = ""
    hours: Sequence[Interval] | None = None

    def parts(self, beyond: Cursor | None, *, is_newer: bool) -> "Iterator[EventQuery]":
        """A query without `hours` of each stretch of time in the direction that is read, but for
        hours that a cursor has passed."""
        if self.hours is None:
            yield self
            return
        for hour in self.hours if is_newer else reversed(self.hours):
            if not (beyond and _is_passed(hour, beyond, is_newer=is_newer)):
                yield replace(self, start=hour.start, end=hour.end, hours=None)

    @property
    def index_accepts(self) -> bool:
        """Whether `event_sql` leaves out all that is to be left out, or nearly so."""
        only_failures = self.accepts_failures_only and self.filters.dimensions == {
            Dimension.OUTCOME
        }
        return bool(self.request_id) or (
            self.scope.sees_everything and (not self.filters or only_failures)
        )

    @property
    def accepts_failures_only(self) -> bool:
        """Whether the filters leave out every success."""
        return self.filters.accept_failures_only

    @property
    def accepted_sql(self) -> str:
        """The condition on events `e` with their series `s`."""
        return f"{self.scope.over('e')} AND {self.filters.sql()}"

    @property
    def hours_sql(self) -> str:
        """The condition on events `e` to be in one of the hours."""
        if self.hours is None:
            return "TRUE"
        times = [
            f'e."timestamp" >= \'{hour.start.isoformat()}\' AND e."timestamp" <'
            f" '{hour.end.isoformat()}'"
            for hour in self.hours
        ]
        return f"({' OR '.join(times)})" if times else "FALSE"

    @property
    def event_sql(self) -> str:
        """The condition on events `e`, beside their time, that the index of a walk covers."""
        conditions = ["TRUE"]
        if self.accepts_failures_only:
            conditions.append("e.fail_body IS NOT NULL")
        if self.request_id:
            conditions.append("e.request_id = %(request_id)s AND e.request_id <> ''")
        return " AND ".join(conditions)

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters of the window and of both conditions."""
        return {
            "start": self.start,
            "end": self.end,
            "owner": self.scope.owner_id,
            "request_id": self.request_id,
            **self.filters.parameters,
        }


def _is_passed(hour: Interval, cursor: Cursor, *, is_newer: bool) -> bool:
    return hour.end <= cursor.at if is_newer else hour.start > cursor.at
