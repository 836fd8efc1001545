"""Reading an upstream for a page that is shown without it as well.

* A page that a reader opens waits for the upstream for a moment only (management_proxy/upstreams/
  unreachable.py). What is not read by then is reported as not read yet, and follows.
* An upstream that kept a page waiting in vain costs no other its whole limit: the reason is kept
  for a moment, in which pages report it at once, with what is known. What renews a page reads the
  upstream all the same, so that it recovers by itself, and what a person sends is always tried.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import NotReached, StillWaiting, UpstreamError
from management_proxy.models import Upstream
from monitoring.texts.recorded import Recorded
from monitoring.web.regions import is_being_read, opens_page, read_again

KEPT_SECONDS = 15
LONG_SECONDS = 2.0
_NOT_YET = Recorded(_("it has not responded yet"))


class KeptWaiting(NotReached):
    """Another page waited for the upstream in vain just now; nothing was sent."""


class NotReadYet(NotReached):
    """The page is shown without it, and waits for it."""

    def __init__(self) -> None:
        super().__init__(_NOT_YET())


@contextmanager
def patience(request: HttpRequest, upstream: Upstream) -> Iterator[None]:
    """Read an upstream for a page. Raises NotReadYet or KeptWaiting, and keeps an UpstreamError
    that came late."""
    key = f"kept-waiting-{upstream.pk}"
    if opens_page(request) and (reason := cache.get(key)):
        read_again(request, KEPT_SECONDS)
        raise KeptWaiting(reason)
    began = time.monotonic()
    try:
        yield
    except StillWaiting as error:
        read_again(request, 0)
        raise NotReadYet from error
    except UpstreamError as error:
        read_again(request, KEPT_SECONDS)
        if time.monotonic() - began >= LONG_SECONDS:
            cache.set(key, str(error), KEPT_SECONDS)
        raise
    cache.delete(key)


def status_without(request: HttpRequest) -> int:
    """The status of a page without what it is about: 502, unless that is being waited for."""
    return 200 if is_being_read(request) else 502
