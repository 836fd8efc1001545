"""A page does not wait once more for an upstream that kept another waiting in vain.

An upstream that hangs costs a page its whole limit, seconds in which nothing is shown. So the
reason is kept for a moment, in which pages report it at once, with what is known. A polled region
reads the upstream all the same, so that its page recovers by itself; any other does once that is
over, and what a person sends is always tried.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.http import HttpRequest

from management_proxy.client.errors import NotReached, UpstreamError
from management_proxy.models import Upstream
from monitoring.web.regions import asks_for_region

KEPT_SECONDS = 15
LONG_SECONDS = 2.0


class KeptWaiting(NotReached):
    """Another page waited for the upstream in vain just now; nothing was sent."""


@contextmanager
def patience(request: HttpRequest, upstream: Upstream) -> Iterator[None]:
    """Read an upstream for a page. Raises KeptWaiting, and keeps an UpstreamError that came
    late."""
    key = f"kept-waiting-{upstream.pk}"
    opens = request.method == "GET" and not asks_for_region(request)
    if opens and (reason := cache.get(key)):
        raise KeptWaiting(reason)
    began = time.monotonic()
    try:
        yield
    except UpstreamError as error:
        if time.monotonic() - began >= LONG_SECONDS:
            cache.set(key, str(error), KEPT_SECONDS)
        raise
    cache.delete(key)
