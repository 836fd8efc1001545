"""Traffic through the proxy in rows of five minutes, so that its page needs no Prometheus and sees
every process on every host.

    call --note--> counts of this process --every 10 s, one statement a row--> added to the rows of
    the database

A process that is killed loses what it had not added yet, at most ten seconds of figures about
calls; nothing else depends on them. Rows that cannot be added because the database is away are kept
and added later, up to `MOST_PENDING`.

A duration falls into a bin: its phase times `BINS`, plus the power of `GROWTH` above
`SHORTEST_SECONDS`. Histograms of several rows merge by adding the counts of equal bins; a
percentile is exact to within a quarter of itself.
"""

import logging
import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from management_proxy import log_kinds as kinds
from management_proxy.models import ProxyTraffic
from management_proxy.traffic.calls import Call
from management_proxy.traffic.metrics import UNLISTED, method_of, outcome_group, phases_of

logger = logging.getLogger(__name__)

BUCKET = timedelta(minutes=5)
KEPT = timedelta(days=30)
FLUSH_SECONDS = 10.0
MOST_PENDING = 5000
PHASES = ("total", "ours", "waited", "connect", "first_byte", "body")
BINS = 40
SHORTEST_SECONDS = 0.0001
GROWTH = 1.5

Key = tuple[datetime, str, str, str, str, str]


@dataclass
class Sums:
    """What the calls of one row come to."""

    calls: int = 0
    attempts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Sums") -> None:
        self.calls += other.calls
        self.attempts += other.attempts
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.bins.update(other.bins)


def bin_of(phase: str, seconds: float) -> int:
    """The bin of a duration of a phase."""
    steps = math.ceil(math.log(max(seconds, SHORTEST_SECONDS) / SHORTEST_SECONDS, GROWTH))
    return PHASES.index(phase) * BINS + min(steps, BINS - 1)


def seconds_of(bin_number: int) -> float:
    """The duration that a bin represents: the middle of its ends, by ratio."""
    return float(SHORTEST_SECONDS * GROWTH ** (bin_number % BINS - 0.5))


class Recorder:
    """The counts of one process that are not in the database yet."""

    def __init__(self) -> None:
        self._pending: dict[Key, Sums] = {}
        self._lock = threading.Lock()

    def note(self, call: Call) -> None:
        """Count a call that is over."""
        durations = {"total": call.total_seconds, **phases_of(call)}
        sums = Sums(
            1,
            call.attempts,
            call.bytes_in,
            call.bytes_out,
            Counter(bin_of(phase, seconds) for phase, seconds in durations.items()),
        )
        reason = "" if outcome_group(call) in ("passed", "upstream_error") else call.outcome
        self._add(
            (
                _bucket_of(timezone.now()),
                call.upstream,
                call.route or UNLISTED,
                method_of(call),
                outcome_group(call),
                reason,
            ),
            sums,
        )

    def flush(self) -> None:
        """Add everything to the database; what it does not take is kept. Raises DatabaseError."""
        with self._lock:
            taken, self._pending = self._pending, {}
        try:
            for key in list(taken):
                _add_to_row(key, taken[key])
                del taken[key]
        finally:
            for key, sums in taken.items():
                self._add(key, sums)

    def _add(self, key: Key, sums: Sums) -> None:
        with self._lock:
            if key in self._pending or len(self._pending) < MOST_PENDING:
                self._pending.setdefault(key, Sums()).add(sums)


def _bucket_of(instant: datetime) -> datetime:
    return datetime.fromtimestamp(
        instant.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), UTC
    )


def _add_to_row(key: Key, sums: Sums) -> None:
    bins = sorted(sums.bins)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            /* management_proxy.traffic.recording.add */
            INSERT INTO management_proxy_proxytraffic AS held
                (started_at, upstream, route, method, outcome, reason,
                 calls, attempts, bytes_in, bytes_out, bins, counts)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::smallint[], %s::int[])
            ON CONFLICT (started_at, upstream, route, method, outcome, reason) DO UPDATE SET
                calls = held.calls + excluded.calls, attempts = held.attempts + excluded.attempts,
                bytes_in = held.bytes_in + excluded.bytes_in,
                bytes_out = held.bytes_out + excluded.bytes_out,
                (bins, counts) = (
                    SELECT array_agg(bin ORDER BY bin), array_agg(n ORDER BY bin) FROM (
                        SELECT bin, sum(n)::int AS n FROM (
                            SELECT * FROM unnest(held.bins, held.counts)
                            UNION ALL SELECT * FROM unnest(excluded.bins, excluded.counts)
                        ) AS both_rows (bin, n) GROUP BY bin
                    ) AS merged
                )
            """,
            [
                *key,
                sums.calls,
                sums.attempts,
                sums.bytes_in,
                sums.bytes_out,
                bins,
                [sums.bins[b] for b in bins],
            ],
        )


def prune() -> int:
    """Delete rows that are older than `KEPT`; how many."""
    count, _ = ProxyTraffic.objects.filter(started_at__lt=timezone.now() - KEPT).delete()
    return count


recorder = Recorder()
_stop = threading.Event()
_is_flushing = threading.Event()


def note(call: Call) -> None:
    """Count a call, if this process adds what it counts to the database: a server's workers do."""
    if _is_flushing.is_set():
        recorder.note(call)


def start_flushing() -> None:
    """From now on count calls, and add them to the database again and again, from a thread of its
    own."""
    _stop.clear()
    _is_flushing.set()
    threading.Thread(target=_flush_until_stopped, name="proxy traffic", daemon=True).start()


def stop_flushing() -> None:
    """Add what is left; to be called when the worker ends."""
    _stop.set()
    _is_flushing.clear()
    _flush_quietly()


def _flush_until_stopped() -> None:
    rounds = 0
    while not _stop.wait(FLUSH_SECONDS):
        _flush_quietly(prunes=rounds % 360 == 0)
        rounds += 1


def _flush_quietly(*, prunes: bool = False) -> None:
    try:
        recorder.flush()
        if prunes:
            prune()
    except DatabaseError:
        kinds.TRAFFIC_NOT_STORED.log_exception(logger, logging.WARNING)
    finally:
        # The thread needs it for a moment every ten seconds.
        connection.close()
