"""Which events are requested, and places in their list: ordered by (timestamp, id), which never
changes for an event."""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope

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
    """Which events: those in `[start, end)` that the scope may see and the filters accept."""

    start: datetime
    end: datetime
    scope: Scope
    filters: Filters
    request_id: str = ""

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
