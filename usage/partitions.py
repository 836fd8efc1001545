"""Monthly partitions of the event table, made before an event needs them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from django.db import connection, transaction

# Any number serves; it only must be the same everywhere.
_LOCK = 7_203_411


def month_of(instant: datetime) -> date:
    """The first day of the UTC month of an instant."""
    return instant.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def existing_partitions() -> dict[str, date]:
    """Name and month of every partition."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'usage_event'::regclass")
        names = [row[0] for row in cursor.fetchall()]
    return {name: datetime.strptime(name, "usage_event_y%Ym%m").replace(tzinfo=UTC).date() for name in names}


def ensure_partitions(months: Iterable[date]) -> None:
    """Make the partitions of these months that do not exist; safe when several processes do it at once."""
    wanted = set(months) - set(existing_partitions().values())
    for month in sorted(wanted):
        with transaction.atomic(), connection.cursor() as cursor:
            # IF NOT EXISTS alone lets two creators collide on the catalogue.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS usage_event_y{month:%Y}m{month:%m} PARTITION OF usage_event "
                f"FOR VALUES FROM ('{month:%Y-%m-%d} 00:00:00+00') TO ('{next_month(month):%Y-%m-%d} 00:00:00+00')"
            )
