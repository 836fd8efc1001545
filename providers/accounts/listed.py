"""The accounts that an upstream lists, as pages show them: read at most every few seconds, and anew
beside the pages that show them.

A list of a thousand accounts is megabytes that the upstream composes anew for each request, so what
was read is kept in this process and shown with its age.

    fresh   younger than LISTED_ACCOUNTS_SECONDS ................ all are given it
    known   younger than LISTED_ACCOUNTS_LONGEST_SECONDS ........ the page that lists them is given
            it, if a new reading takes longer than a moment; the others wait for that
    else    nothing kept, too old, or changed since ............. all wait

* One reading at a time for each upstream in a process. The caller that finds none begins it, in its
  own thread or, if it need not wait, in one beside; other callers of that moment wait for the same
  reading and share its error.
* A change of the upstream in any process makes what was read before it worthless: what is kept is
  of no use once another intent was requested or settled, a login connected an account, or a
  cooldown was ended.
* A page in haste (management_proxy/client/limits.py) waits no longer than it may, and is shown what
  is known, however old. A reading that it had begun ends with it; the next caller begins another.
* A reading that fails leaves what is known, with the reason. The page that lists the accounts shows
  it for as long as readings fail, with its age, and reports the upstream from the first failure on;
  to all others it is of use no longer than before.

Ages are of this process's monotonic clock, counted from the beginning of the reading.
"""

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import StillWaiting, UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import seconds_left
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_of
from monitoring.planned_statements import rows
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.models import Intent

# How long a page that begins a reading waits for it before it shows what is known: a small list is
# read by then.
PATIENCE_SECONDS = 0.03
_UNSETTLED = ", ".join(f"'{state.value}'" for state in Intent.UNSETTLED)
# The newest of everything that changes the list, and the intents that are not settled.
_CHANGES = f"""
/* providers.accounts.listed.changes */
(SELECT 'newest', id FROM providers_intent WHERE upstream_id = %(upstream)s
 ORDER BY id DESC LIMIT 1)
UNION ALL
(SELECT 'unsettled', id FROM providers_intent
 WHERE upstream_id = %(upstream)s AND state IN ({_UNSETTLED}))
UNION ALL
(SELECT 'login', id FROM monitoring_auditentry WHERE action = 'account.login_connected'
 ORDER BY id DESC LIMIT 1)
UNION ALL
(SELECT 'reset', id FROM monitoring_auditentry WHERE action = 'account.cooldown_reset'
 ORDER BY id DESC LIMIT 1)
"""
_Changes = frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Listed:
    """The accounts by provider and label, when they were read, and why they could not be read anew
    since; empty if they could. `is_late`: they are being read anew, and that takes long."""

    files: tuple[AuthFile, ...]
    read_at: datetime
    began: float
    changes: _Changes
    trouble: str = ""
    is_late: bool = False

    def is_younger(self, seconds: float) -> bool:
        """Whether the reading began less than so long ago."""
        return time.monotonic() < self.began + seconds


_Reading = Future[Listed]
_lock = threading.Lock()
_kept: dict[int, Listed] = {}
_reading: dict[int, _Reading] = {}


def listed_files(upstream: Upstream) -> Listed:
    """The accounts of an upstream that was read just now, as of a few seconds ago at most. Raises
    UpstreamError, and StillWaiting in haste."""
    client, changes = client_of(upstream), _changes(upstream)
    while True:
        found, is_begun = _fresh_or_reading(upstream, changes)
        if is_begun:
            _read(upstream, client, changes, found)
        if (listed := _outcome(found, is_begun=is_begun)) and listed.changes == changes:
            return listed


def _outcome(reading: _Reading, *, is_begun: bool) -> Listed | None:
    """What a reading returned; None if it was another's, which stopped waiting. Raises what
    `listed_files` does."""
    try:
        return reading.result(seconds_left())
    except TimeoutError as error:
        raise StillWaiting from error
    except StillWaiting:
        if is_begun or seconds_left() is not None:
            raise
        return None


def known_files(upstream: Upstream) -> Listed:
    """The same for a page that shows their age: as of a minute ago at most, if a new reading takes
    longer than a moment; and what was read last, with the reason, if they cannot be read. Raises
    UpstreamError, and StillWaiting in haste, if nothing is known."""
    try:
        return _known_or_read(upstream)
    except UpstreamError as error:
        if kept := _kept.get(upstream.pk):
            return replace(kept, trouble=str(error))
        raise
    except StillWaiting:
        if kept := _kept.get(upstream.pk):
            return replace(kept, is_late=True)
        raise


def is_known(upstream: Upstream) -> bool:
    """Whether this process has read the upstream's accounts."""
    return upstream.pk in _kept


def _known_or_read(upstream: Upstream) -> Listed:
    client, changes = client_of(upstream), _changes(upstream)
    known = _known(upstream, changes)
    if known is None:
        return listed_files(upstream)
    found, is_begun = _fresh_or_reading(upstream, changes)
    if is_begun:
        _begin_beside(upstream, client, changes, found)
    with suppress(UpstreamError, StillWaiting, TimeoutError):
        listed = found.result(PATIENCE_SECONDS if is_begun else 0)
        if listed.changes == changes:
            return listed
    return _known(upstream, changes) or known


def _known(upstream: Upstream, changes: _Changes) -> Listed | None:
    """What is kept, if it is of use to a page that shows its age."""
    kept = _kept.get(upstream.pk)
    longest = settings.LISTED_ACCOUNTS_LONGEST_SECONDS
    if kept is None or kept.changes != changes:
        return None
    return kept if kept.trouble or kept.is_younger(longest) else None


def _fresh_or_reading(upstream: Upstream, changes: _Changes) -> tuple[_Reading, bool]:
    """The reading that is fresh or under way, else one that the caller has begun by this."""
    with _lock:
        kept = _kept.get(upstream.pk)
        seconds = settings.LISTED_ACCOUNTS_SECONDS
        if kept and kept.changes == changes and kept.is_younger(seconds):
            fresh = _Reading()
            fresh.set_result(kept)
            return fresh, False
        if reading := _reading.get(upstream.pk):
            return reading, False
        begun = _reading[upstream.pk] = _Reading()
        return begun, True


def _begin_beside(
    upstream: Upstream, client: ManagementClient, changes: _Changes, reading: _Reading
) -> None:
    arguments = (upstream, client, changes, reading)
    try:
        threading.Thread(target=_read_beside, args=arguments, name="accounts", daemon=True).start()
    except RuntimeError:  # no thread can be started, and others wait for this reading
        _read(*arguments)


def _read_beside(
    upstream: Upstream, client: ManagementClient, changes: _Changes, reading: _Reading
) -> None:
    try:
        _read(upstream, client, changes, reading)
    finally:
        connection.close()  # of this thread, if a block of the upstream had to be recorded


def _read(
    upstream: Upstream, client: ManagementClient, changes: _Changes, reading: _Reading
) -> None:
    """Carry out a reading; those that wait for it are given the accounts, or its error."""
    read_at, began = timezone.now(), time.monotonic()
    try:
        entries = map(auth_file_of, auth_file_client.list_auth_files(client))
        files = tuple(sorted(entries, key=lambda file: file.place))
    except BaseException as error:
        with _lock:
            del _reading[upstream.pk]
            kept = _kept.get(upstream.pk)
            if kept and isinstance(error, UpstreamError):
                _kept[upstream.pk] = replace(kept, trouble=str(error))
        reading.set_exception(error)
        return
    listed = Listed(files, read_at, began, changes)
    with _lock:
        del _reading[upstream.pk]
        _kept[upstream.pk] = listed
    reading.set_result(listed)


def _changes(upstream: Upstream) -> _Changes:
    return frozenset(rows(_CHANGES, {"upstream": upstream.pk}))
