"""Pages in this host's spool of upstreams that nobody collects from here: paused, or removed while
their collector was dead."""

import contextlib
from collections.abc import Collection

from management_proxy.models import Upstream
from usage.collector import spool_health
from usage.collector.run import LeaseLost, store_left_over


def store_what_nobody_serves(served: Collection[int]) -> None:
    """Store such pages, each upstream's under its lease; whoever holds that now stores them itself.
    Raises django.db.Error."""
    waiting = spool_health.waiting_by_upstream().keys() - set(served)
    for upstream in Upstream.with_removed.filter(pk__in=waiting) if waiting else ():
        with contextlib.suppress(LeaseLost):
            store_left_over(upstream)
