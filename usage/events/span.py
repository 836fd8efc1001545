"""A stretch of a list of events, and the conditions that select it."""

from dataclasses import dataclass

from usage.events.query import Cursor
from usage.history.windows import Interval


@dataclass(frozen=True)
class Span(Interval):
    """A stretch of the list, without the events of its edges that lie beyond a cursor."""

    after: Cursor | None = None
    until: Cursor | None = None

    def sql(self, beyond: str) -> str:
        """The condition on events `e`, where `id beyond after` is further in the direction that is
        read.

        One comparison for each edge and a filter for ties: beside another bound an index ignores
        where `(timestamp, id) <` begins.
        """
        return (
            f'e."timestamp" >= %(first)s AND e."timestamp" < %(last)s AND {self.ties_sql(beyond)}'
        )

    def ties_sql(self, beyond: str) -> str:
        """The part of it that is about events at the instant of a cursor."""
        conditions = ["TRUE"]
        if self.after:
            conditions.append(f'(e."timestamp" <> %(after_at)s OR e.id {beyond} %(after_id)s)')
        if self.until:
            conditions.append(f'(e."timestamp" <> %(until_at)s OR NOT e.id {beyond} %(until_id)s)')
        return " AND ".join(conditions)

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of `sql`."""
        ties = {
            f"{edge}_{name}": getattr(c, name)
            for edge, c in (("after", self.after), ("until", self.until))
            if c
            for name in ("at", "id")
        }
        return {"first": self.start, "last": self.end, **ties}
