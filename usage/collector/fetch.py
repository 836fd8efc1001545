"""Popping a page into the spool and parsing it, maybe in a thread while the page before is stored.

Nothing here needs the database, so that a page which the upstream has delivered is safe whatever
the database does. The caller has renewed the lease just before.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from management_proxy.client.errors import UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.usage import pop_usage
from monitoring.failpoints import around
from usage.collector import spool
from usage.ingest.page_parser import Entry, Reject, parse_page

# A page of about so many bytes costs little for each event; two of them are in memory at most.
PAGE_BYTES = 4 * 1024 * 1024
# Requested first, when nothing is known of how large events are, and at least.
FIRST_COUNT, LEAST_COUNT = 1000, 50
# No empty page is longer.
SHORT = 64


@dataclass
class Page:
    """The result of a pop: its file in the spool, open and locked; what it holds; and what ended
    the pop early."""

    file: spool.SpoolFile
    entries: list[Entry] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    failure: UpstreamError | spool.SpoolError | None = None
    requested: int = 0
    size_bytes: int = 0

    @property
    def elements(self) -> int:
        return len(self.entries) + len(self.rejects)

    @property
    def is_full(self) -> bool:
        """Whether more is waiting, as far as can be known."""
        return self.elements >= self.requested

    def next_count(self, most: int) -> int:
        """How many events to request next, so that the page is large enough to be quick and small
        enough for the memory."""
        return max(
            min(most, self.elements * PAGE_BYTES // max(self.size_bytes, 1)), min(most, LEAST_COUNT)
        )


def fetch(client: ManagementClient, upstream_id: int, count: int) -> Page:
    """Pop a page of up to `count` events; what arrived is in it even if the response broke. Raises
    SpoolError before a pop."""
    page = Page(spool.new_file(upstream_id, count), requested=count)
    try:
        _receive(page, client, upstream_id, count)
    except BaseException:
        page.file.close()
        raise
    return page


def _receive(page: Page, client: ManagementClient, upstream_id: int, count: int) -> None:
    try:
        with around("pop"):
            pop_usage(client, count, page.file.write)
    except UpstreamError as error:
        page.failure = error
    received = page.file.read()
    page.size_bytes = len(received)
    if len(received) > SHORT or received.strip() not in (b"", b"[]"):
        page.file.complete()
        with around("parse"):
            page.entries, page.rejects = parse_page(received, upstream_id, timezone.now())
    page.failure = page.failure or page.file.error


class Fetching(threading.Thread):
    """A fetch in a thread. A daemon, so that a forced exit does not wait for an upstream."""

    def __init__(self, fetch_page: Callable[[], Page]) -> None:
        super().__init__(name="fetching", daemon=True)
        self._fetch_page = fetch_page
        self._outcome: Page | BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._fetch_page()
        except BaseException as error:
            self._outcome = error
        finally:
            # A refused key or a ban was written to the database.
            connection.close()

    def leave_behind(self) -> None:
        """Wait for the page, and let the next run find it in the spool."""
        self.join()
        if isinstance(self._outcome, Page):
            self._outcome.file.close()

    def page(self) -> Page:
        """Wait for the page; raises what the fetch raised."""
        self.join()
        if isinstance(self._outcome, Page):
            return self._outcome
        raise self._outcome or RuntimeError("the fetch ended without a page")
