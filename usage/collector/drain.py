"""What a run does with a queue: store what is left over, then pop and store page after page.

Order within a page, each step before the next
    1. the lease is trusted and renewed, which also proves that the database answers: we never pop
       what we cannot store
    2. the page is received into the spool, chunk by chunk, synced, and parsed
    3. it is stored in one transaction, and then removed from the spool
A broken response (step 2) leaves what arrived in the spool; it is stored at once, and the run fails
with the reason. While a page is in step 3, steps 1 and 2 of the next go on in a thread; no more
than these two pages are ever in memory.
"""

import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.utils import timezone

from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.observation import observe
from monitoring.leases import LeaseLost, renew
from monitoring.tracing.spans import bound
from usage.collector import spool
from usage.collector.fetch import FIRST_COUNT, Fetching, Page, fetch
from usage.collector.metrics import count_wait
from usage.collector.runs import Run, record_cut_page, record_if_possible
from usage.ingest.page_parser import is_complete
from usage.ingest.store import ingest, store

# How often the upstream's switch and retention are read again.
SETTINGS_EVERY_SECONDS = 60


def pull(
    run: Run,
    client_by: Callable[[Upstream], ManagementClient],
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Store what is left over, and drain the queue. Raises UpstreamError, SpoolError, LeaseLost,
    django.db.Error."""
    ingest_left_over(run)
    drain(run, client_by(run.upstream), should_stop)


def ingest_left_over(run: Run) -> None:
    """Store the pages that a dead process of this host left in the spool."""
    for file in spool.left_over(run.upstream.pk):
        page = file.read()
        if not file.is_whole and not is_complete(page):
            record_cut_page(run.upstream, file.written_at)
        run.total += ingest(page, file.name, run.upstream, run.attribution)
        file.remove()


def drain(run: Run, client: ManagementClient, should_stop: Callable[[], bool]) -> None:
    """Pop and store pages until a short one. Raises UpstreamError, SpoolError, LeaseLost."""
    _observe_settings(run.upstream, client)
    budget_ends = run.started + settings.COLLECTOR_TIME_BUDGET_SECONDS
    most = settings.COLLECTOR_PAGE_SIZE
    fetch_page = partial(fetch, client, run.upstream.pk)
    if not (run.term.was_just_renewed or _may_pop(run)):
        raise LeaseLost
    page = fetch_page(min(FIRST_COUNT, most))
    while True:
        run.more_waiting = page.is_full
        goes_on = (
            run.more_waiting
            and not page.failure
            and not should_stop()
            and time.monotonic() < budget_ends
        )
        following = (
            Fetching(bound(partial(fetch_page, page.next_count(most))))
            if goes_on and _may_pop(run)
            else None
        )
        _store_page(run, page, following)
        if following is None:
            if goes_on:
                raise LeaseLost
            return
        page = following.page()


def _may_pop(run: Run) -> bool:
    return run.term.is_trusted and renew(run.term)


def _store_page(run: Run, page: Page, following: Fetching | None) -> None:
    """Store a page and forget its file; raises what ended its pop early."""
    run.pages += 1
    count_wait(run.upstream.name, page.entries)
    with page.file:
        try:
            if page.elements:
                record_if_possible(run)
                ingested = store(
                    page.entries, page.rejects, page.file.name, run.upstream, run.attribution
                )
                run.popped += ingested.elements
                run.total += ingested
            page.file.remove()
        except BaseException:
            if following:
                following.leave_behind()
            raise
    if page.failure:
        raise page.failure


def _observe_settings(upstream: Upstream, client: ManagementClient) -> None:
    seen = upstream.observed_at
    if seen and (timezone.now() - seen).total_seconds() < SETTINGS_EVERY_SECONDS:
        return
    observe(upstream, client)
