"""The accounts that an upstream lists, as pages show them: read at most every few seconds.

A list of a thousand accounts is megabytes that the upstream composes anew for each request, so what
was read is kept in this process for `LISTED_ACCOUNTS_SECONDS` and shown with its age.

* Who finds nothing kept reads; others of that moment wait for the same reading, and share its
  error.
* A change of the upstream in any process makes what was read before it worthless: what is kept is
  of no use once another intent was requested or settled.
"""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_of
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.models import Intent

# The newest intent and those that are not settled, in order: the newest stands there twice until it
# is settled.
_Changes = tuple[int, ...]


@dataclass(frozen=True)
class Listed:
    """The accounts, and when they were read."""

    files: tuple[AuthFile, ...]
    read_at: datetime
    until: float
    changes: _Changes


_lock = threading.Lock()
_kept: dict[int, Listed] = {}
_reading: dict[int, "Future[Listed]"] = {}


def listed_files(upstream: Upstream) -> Listed:
    """The accounts of an upstream that was read just now, as of a few seconds ago at most. Raises
    UpstreamError."""
    client, changes = client_of(upstream), _changes(upstream)
    while True:
        with _lock:
            kept = _kept.get(upstream.pk)
            if kept and kept.changes == changes and time.monotonic() < kept.until:
                return kept
            reading = _reading.get(upstream.pk)
            if reading is None:
                mine = _reading[upstream.pk] = Future()
                break
        found = reading.result()
        if found.changes == changes:
            return found
    return _read(upstream, client, changes, mine)


def forget(upstream: Upstream) -> None:
    """Have the next page read anew: something was changed that is no intent."""
    with _lock:
        _kept.pop(upstream.pk, None)


def _read(
    upstream: Upstream, client: ManagementClient, changes: _Changes, reading: "Future[Listed]"
) -> Listed:
    read_at, until = timezone.now(), time.monotonic() + settings.LISTED_ACCOUNTS_SECONDS
    try:
        files = tuple(map(auth_file_of, auth_file_client.list_auth_files(client)))
        listed = Listed(files, read_at, until, changes)
    except BaseException as error:
        with _lock:
            del _reading[upstream.pk]
        reading.set_exception(error)
        raise
    with _lock:
        del _reading[upstream.pk]
        _kept[upstream.pk] = listed
    reading.set_result(listed)
    return listed


def _changes(upstream: Upstream) -> _Changes:
    intents = Intent.objects.filter(upstream=upstream).order_by("-pk").values_list("pk", flat=True)
    unsettled = intents.order_by().filter(state__in=Intent.UNSETTLED)
    return tuple(sorted(intents[:1].union(unsettled, all=True)))
