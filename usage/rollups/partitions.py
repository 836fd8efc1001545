"""Monthly partitions of the event table: made before an event needs them, dropped whole when their
time is over."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from django.conf import settings
from django.db import connection
from django.db.models import Max

from monitoring.advisory_locks import PARTITIONS
from monitoring.leases import bounded_transaction
from usage.models import PrunedMonth

MONTHS_AHEAD = 2


def month_of(instant: datetime) -> date:
    """The first day of the UTC month of an instant."""
    return instant.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_before(month: date, count: int) -> date:
    """The first day of the month so many months before."""
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


def this_month() -> date:
    """The UTC month that it is by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return month_of(cursor.fetchone()[0])


def ensure_partitions_ahead() -> None:
    """Make the partitions of this month and the next ones."""
    month = this_month()
    ensure_partitions({months_before(month, -ahead) for ahead in range(MONTHS_AHEAD + 1)})


def start_of(month: date) -> datetime:
    """The first instant of a month."""
    return datetime.combine(month, time(), UTC)


def events_since() -> datetime | None:
    """The instant from which on every stored event is still there, always the start of a UTC month;
    None if none was pruned."""
    last: date | None = PrunedMonth.objects.aggregate(last=Max("month"))["last"]
    return start_of(next_month(last)) if last else None


def existing_partitions() -> dict[str, date]:
    """Name and month of every partition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent ="
            " 'usage_event'::regclass"
        )
        names = [row[0] for row in cursor.fetchall()]
    return {
        name: datetime.strptime(name, "usage_event_y%Ym%m").replace(tzinfo=UTC).date()
        for name in names
    }


def ensure_partitions(months: Iterable[date]) -> None:
    """Make the partitions of these months that do not exist; safe when several processes do it at
    once."""
    wanted = set(months) - set(existing_partitions().values())
    for month in sorted(wanted):
        with (
            bounded_transaction(settings.COLLECTOR_LEASE_TTL_SECONDS),
            connection.cursor() as cursor,
        ):
            # IF NOT EXISTS alone lets two creators collide on the catalogue.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS])
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS usage_event_y{month:%Y}m{month:%m} PARTITION OF"
                f" usage_event FOR VALUES FROM ('{month:%Y-%m-%d} 00:00:00+00') TO"
                f" ('{next_month(month):%Y-%m-%d} 00:00:00+00')"
            )
