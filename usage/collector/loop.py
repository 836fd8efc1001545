"""The collector's loop: one thread for each enabled upstream, so that one that hangs never delays
another.

A thread's step collects once; `usage/collector/cadence.py` decides when it polls again. The
main thread notices added, paused and removed upstreams.
"""

import logging
import threading
import time

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from management_proxy.models import CollectionMode, Upstream
from management_proxy.upstreams.registry import ensure_environment_upstream, heeds_environment
from monitoring.alerts.worker import AlertThread
from monitoring.leases import LeaseLost
from monitoring.metrics.shared import Flushing
from monitoring.periodic import PeriodicThread
from usage import log_kinds as kinds
from usage.collector.cadence import Cadence
from usage.collector.orphaned_pages import store_orphaned_pages
from usage.collector.poller import KEEP_SECONDS, Polled, Poller
from usage.collector.push import Fallback, stream
from usage.models import CollectorRun

logger = logging.getLogger(__name__)

CHECK_UPSTREAMS_SECONDS = 5.0


class UpstreamThread(threading.Thread):
    """Collects from one upstream until it is to stop."""

    def __init__(self, upstream: Upstream, stop: threading.Event, interval: float) -> None:
        super().__init__(name=f"collector {upstream.name}", daemon=True)
        self.upstream = upstream
        self._stop_all = stop
        self._stop_this = threading.Event()
        self._cadence = Cadence(interval, upstream.retention_seconds)
        self._poller = Poller(upstream)
        self._fallback = Fallback()
        self._has_pulled = True

    def run(self) -> None:
        while not self._must_stop():
            wait = self.step()
            if wait > min(KEEP_SECONDS, settings.COLLECTOR_LEASE_TTL_SECONDS / 2):
                self._rest()
            deadline = time.monotonic() + wait
            while not self._must_stop() and (left := deadline - time.monotonic()) > 0:
                self._stop_all.wait(min(left, 0.5))
        self._rest()
        connection.close()

    def retire(self) -> None:
        """End after the present step."""
        self._stop_this.set()

    def step(self) -> float:
        """Collect once; the seconds to wait before the next step."""
        try:
            if not self._poller.begin():
                return self._cadence.while_another_collects()
            self.upstream = self._poller.upstream
            if not self.upstream.is_enabled:
                self.retire()
                return 0.0
            polled = self._collect()
        except LeaseLost:
            return self._cadence.while_another_collects()
        except DatabaseError as error:
            kinds.DATABASE_UNREACHABLE.log(
                logger, logging.ERROR, upstream=self.upstream.name, error=str(error).split("\n")[0]
            )
            connection.close()
            return self._cadence.after_failure()
        except Upstream.DoesNotExist:
            self.retire()
            return 0.0
        self._cadence.retention_seconds = self.upstream.retention_seconds
        if not self._has_pulled and self._fallback.pulls:
            return 0.0
        if polled.ending.status != CollectorRun.Status.SUCCEEDED:
            return self._cadence.after_failure()
        return self._cadence.after_success(polled.popped, polled.more_waiting)

    def _collect(self) -> Polled:
        """Pull once; or be pushed to, until that ends, in which case the next step pulls at
        once."""
        if (
            self.upstream.collection_mode == CollectionMode.PULL
            or self._fallback.pulls
            or not self._has_pulled
        ):
            self._has_pulled = True
            return self._poller.poll(CollectorRun.Trigger.LOOP, self._must_stop)
        started = time.monotonic()
        polled = stream(self._poller, self._must_stop)
        self._has_pulled = False
        self._fallback.note_end(
            time.monotonic() - started, polled.ending.status == CollectorRun.Status.FAILED
        )
        return polled

    def _rest(self) -> None:
        try:
            self._poller.rest()
        except DatabaseError:  # the lease runs out by itself
            connection.close()

    def _must_stop(self) -> bool:
        return self._stop_all.is_set() or self._stop_this.is_set()


class CollectorLoop:
    """Keeps a thread for every enabled upstream."""

    def __init__(self, stop: threading.Event, interval: float, only: str | None = None) -> None:
        self._stop = stop
        self._interval = interval
        self._only = only
        self._threads: dict[int, UpstreamThread] = {}

    def run(self) -> None:
        """Run until `stop` is set; then let every step end."""
        kinds.COLLECTOR_STARTED.log(logger, logging.INFO, interval_seconds=self._interval)
        for prompt in (False, True):
            PeriodicThread(self._stop, prompt=prompt).start()
        AlertThread(self._stop).start()
        counting = Flushing("collector")
        counting.start()
        while not self._stop.is_set():
            self.adjust()
            self._stop.wait(CHECK_UPSTREAMS_SECONDS)
        for thread in self._threads.values():
            thread.join()
        counting.end()
        kinds.COLLECTOR_STOPPED.log(logger, logging.INFO)

    def adjust(self) -> None:
        """Start threads for new upstreams, retire those of paused and removed ones and store what
        they left, replace dead ones."""
        try:
            upstreams = list(Upstream.objects.all())
            if not heeds_environment(upstreams):
                ensure_environment_upstream()
                upstreams = list(Upstream.objects.all())
            wanted = {u.pk: u for u in upstreams if u.is_enabled and self._only in (None, u.name)}
            if not self._only:
                store_orphaned_pages(wanted)
        except DatabaseError:
            connection.close()
            return
        for pk in self._threads.keys() - wanted.keys():
            self._threads.pop(pk).retire()
        for pk, upstream in wanted.items():
            if pk not in self._threads or not self._threads[pk].is_alive():
                self._threads[pk] = UpstreamThread(upstream, self._stop, self._interval)
                self._threads[pk].start()
