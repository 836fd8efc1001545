"""Push mode: events come by subscription, are durable before anything reads them, and are stored as
they come.

    upstream --message--> receiver --batch--> spool file, synced --> this thread: ingest, remove
                          (a thread without database)

A session holds the collect lease from its beginning to its end. It is recorded in runs of
RUN_SECONDS each, of which empty ones share a row (`usage/collector/poller.py`).

Invariants
* Subscribe first, then pop what the queue holds from before: whatever ended in between is in one or
  the other, or both, and storing twice does nothing. After a subscription ends, for whatever
  reason, the next step of the loop pulls at once.
* The receiver writes every batch to the spool and syncs it before it reads on. It never waits for
  the database: while that is away the spool grows, and is stored when it is back. Nothing that
  reached us depends on the process from then on.
* The receiver must read fast: the upstream cuts off a subscriber that lets 256 messages pile up,
  and that one message is lost. A subscriber that was cut off pulls for a while, longer each time
  (`Fallback`).

Failure rules
* Lease lost (refused, not merely out of reach): leave, so that another process may take it; what
  came is in the spool.
* Spool broken: leave at once, so that the upstream queues events again; the present batch is
  stored from memory.
* A stop waits for an instant in which no message is on its way, since leaving drops what the
  upstream still holds for us.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import msgspec
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from management_proxy.client.errors import UpstreamError
from management_proxy.client.subscription import Subscription
from management_proxy.models import CollectionMode
from management_proxy.upstreams.clients import client_of, subscription_to
from monitoring.failpoints import around
from monitoring.leases import LeaseLost, heartbeat, renew
from usage import log_kinds as kinds
from usage.collector import spool
from usage.collector.drain import drain, ingest_left_over
from usage.collector.poller import Polled, Poller
from usage.collector.runs import LOST_LEASE, Run, record_if_possible
from usage.ingest.store import ingest
from usage.models import CollectorRun

logger = logging.getLogger(__name__)

Status = CollectorRun.Status
RUN_SECONDS = 5.0
# Messages that come within this of each other share a spool file.
GATHER_SECONDS = 0.05
# While so many files wait for the database, they are gathered for longer.
FILES_WAITING = 10
GATHER_LONGER_SECONDS = 0.25
DATABASE_RETRY_SECONDS = 1.0


class Unspooled(contextlib.nullcontext[None]):
    """A page for which the spool has no room; it is in memory only, and stored at once."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.name = f"unspooled-{uuid4()}"
        self._page = page

    def read(self) -> bytes:
        return self._page

    def remove(self) -> None:
        """There is nothing to remove."""


class Receiver(threading.Thread):
    """Reads a subscription into spool files, which the storing thread takes from `files` in order;
    None is the last."""

    def __init__(self, subscription: Subscription, upstream_id: int) -> None:
        super().__init__(name=f"receiver {upstream_id}", daemon=True)
        self.files: queue.SimpleQueue[spool.SpoolFile | Unspooled | None] = queue.SimpleQueue()
        self.error: UpstreamError | spool.SpoolError | None = None
        self._subscription = subscription
        self._upstream_id = upstream_id
        self._leave = threading.Event()

    def run(self) -> None:
        try:
            while not self._leave.is_set() and self.error is None:
                self._keep(self._subscription.receive(0.2))
            self._keep(self._subscription.leave())
        except (UpstreamError, spool.SpoolError) as error:
            self.error = error
            self._subscription.close()
        finally:
            self.files.put(None)

    def leave(self) -> None:
        """Unsubscribe as soon as nothing is on its way."""
        self._leave.set()

    def _keep(self, events: list[bytes]) -> None:
        if not events:
            return
        ends = time.monotonic() + (
            GATHER_SECONDS if self.files.qsize() < FILES_WAITING else GATHER_LONGER_SECONDS
        )
        while (
            len(events) < settings.COLLECTOR_PAGE_SIZE
            and (left := ends - time.monotonic()) > 0
            and not self._leave.is_set()
        ):
            try:
                events += self._subscription.receive(left)
            except UpstreamError as error:
                self.error = error
                break
        self._write(events)

    def _write(self, events: list[bytes]) -> None:
        page = page_of(events)
        try:
            with around("push write"):
                file = spool.new_file(self._upstream_id, len(events))
                file.write(page)
                file.complete()
        except spool.SpoolError as error:
            self.error = self.error or error
            self.files.put(Unspooled(page))
            return
        self.error = self.error or file.error
        self.files.put(file)


def page_of(events: list[bytes]) -> bytes:
    """Messages as the page that a pop would have returned; one that is no JSON becomes a JSON
    string, as over HTTP."""
    return b"[" + b",".join(map(_element, events)) + b"]"


def _element(event: bytes) -> bytes:
    try:
        msgspec.json.decode(event, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(event.decode("utf-8", "replace"))
    return event


def stream(poller: Poller, should_stop: Callable[[], bool]) -> Polled:
    """Collect by subscription, after the poller's `begin`, until it is to stop or ends; the
    result of its last run.

    Raises LeaseLost, and django.db.Error if the database is gone when the session begins or its end
    is to be recorded.
    """
    with heartbeat(poller.term):
        return Session(poller, should_stop).run()


class Session:
    """A subscription and the runs in which it is recorded."""

    def __init__(self, poller: Poller, should_stop: Callable[[], bool]) -> None:
        self._poller = poller
        self._should_stop = should_stop
        self._receiver: Receiver | None = None

    def run(self) -> Polled:
        """One run after the other; the result of the last one."""
        try:
            while True:
                polled = self._poller.perform(CollectorRun.Trigger.PUSH, self._collect)
                if polled.ending.status != Status.SUCCEEDED or self._should_stop():
                    return polled
                if not self._poller.keep():
                    return polled._replace(ending=LOST_LEASE)
                if not self._is_wanted():
                    return polled
        finally:
            if self._receiver:
                self._end(self._receiver)

    def _is_wanted(self) -> bool:
        upstream = self._poller.upstream
        return upstream.is_enabled and upstream.collection_mode == CollectionMode.PUSH

    def _collect(self, run: Run) -> None:
        if self._receiver is None:
            ingest_left_over(run)
            self._receiver = Receiver(subscription_to(run.upstream), run.upstream.pk)
            self._receiver.start()
        # Right after subscribing, what was queued before; afterwards the queue is empty, and this
        # checks that it is.
        drain(run, client_of(run.upstream), self._should_stop)
        ends = time.monotonic() + RUN_SECONDS
        while time.monotonic() < ends and not self._should_stop():
            self._store_next(run, self._receiver)
        self._poller.measure_if_due()

    def _store_next(self, run: Run, receiver: Receiver) -> None:
        try:
            file = receiver.files.get(timeout=0.5)
        except queue.Empty:
            self._keep_lease(run)
            return
        if file is None:
            receiver.files.put(None)
            raise receiver.error or LeaseLost
        with file:
            self._store(run, file)
            file.remove()

    def _store(self, run: Run, file: spool.SpoolFile | Unspooled) -> None:
        while True:
            try:
                self._keep_lease(run)
                record_if_possible(run)
                ingested = ingest(file.read(), file.name, run.upstream, run.attribution)
                break
            except DatabaseError as error:
                if self._should_stop():
                    raise
                kinds.DATABASE_UNREACHABLE.log(
                    logger,
                    logging.ERROR,
                    upstream=run.upstream.name,
                    error=str(error).split("\n")[0],
                )
                connection.close()
                time.sleep(DATABASE_RETRY_SECONDS)
        run.pages += 1
        run.popped += ingested.elements
        run.total += ingested

    def _keep_lease(self, run: Run) -> None:
        if not run.term.is_trusted and not renew(run.term):
            raise LeaseLost

    def _end(self, receiver: Receiver) -> None:
        """Leave the upstream; files that came last are left over for the next run, unless they can
        be stored now."""
        receiver.leave()
        receiver.join()
        while (file := receiver.files.get()) is not None:
            with file, contextlib.suppress(DatabaseError):
                ingest(file.read(), file.name, self._poller.upstream, self._poller.attribution)
                file.remove()


class Fallback:
    """When to pull instead, after subscriptions that ended too soon: for 5 s, then twice as long
    each time, up to 10 minutes."""

    FIRST_SECONDS = 5.0
    LONGEST_SECONDS = 600.0
    # A subscription that lasted so long was a good one.
    GOOD_SECONDS = 120.0

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def pulls(self) -> bool:
        """Whether to pull for now."""
        return time.monotonic() < self._until

    def note_end(self, lasted_seconds: float, failed: bool) -> None:
        """Remember how a subscription ended."""
        if not failed:
            self._failures, self._until = 0, 0.0
            return
        self._failures = 1 if lasted_seconds > self.GOOD_SECONDS else self._failures + 1
        pause = min(self.FIRST_SECONDS * 2 ** (self._failures - 1), self.LONGEST_SECONDS)
        self._until = time.monotonic() + pause
