"""Pages in this host's spool of upstreams that no loop serves: paused, or removed while their
collector was dead."""

import contextlib
from collections.abc import Collection

from management_proxy.models import Upstream
from monitoring.leases import LeaseLost
from usage.collector import spool_health
from usage.collector.collect import store_left_over


def store_orphaned_pages(served: Collection[int]) -> None:
    """Store such pages, each upstream's under its lease; a process that holds it stores them
    itself. Raises django.db.Error."""
    waiting = spool_health.waiting_by_upstream().keys() - set(served)
    for upstream in Upstream.with_removed.filter(pk__in=waiting) if waiting else ():
        with contextlib.suppress(LeaseLost):
            store_left_over(upstream)
