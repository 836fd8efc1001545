"""Learning what an upstream is like: switch, retention, version, clock and interface, kept with its
row.

The collector observes every minute; the doctor when it examines. A call is only made while access
is open, and the first that is refused stops the rest, so that no more than one request with a bad
key is ever sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import NotFound, UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import CONNECT_SECONDS
from management_proxy.client.usage import usage_interface, usage_settings
from management_proxy.models import Access, Upstream, UsageInterface
from management_proxy.upstreams.clients import client_for
from monitoring.texts.recorded import Recorded

MANAGEMENT_PATH = "/v0/management"
# The greeting of a server at work, and of one that refuses to serve with the template's keys.
GREETINGS = (b"CLI Proxy API Server", b"<title>Example API key detected</title>")
GREETING_BYTES = 4096
# How fast two clocks may drift apart: what was learnt an hour ago is worth 0.4 s less.
DRIFT = 1e-4
_WRONG_PATH = Recorded(_("%(reason)s The address does not end in %(path)s."))
_SWITCHED_OFF = Recorded(
    _(
        "The upstream runs, but its management is switched off: it has neither"
        " MANAGEMENT_PASSWORD nor remote-management.secret-key."
    )
)
_ANOTHER_SERVER = Recorded(_("A server responds at this address, but it is not CLIProxyAPI."))
_OBSERVED = (
    "version",
    "statistics_enabled",
    "retention_seconds",
    "usage_interface",
    "clock_ahead_least",
    "clock_ahead_most",
    "observed_at",
    "examination_error",
)


@dataclass(frozen=True)
class ClockReading:
    """By how many seconds the upstream's clock is ahead of ours: at least and at most."""

    least: float
    most: float


def clock_reading(server_time: datetime, sent_at: datetime, received_at: datetime) -> ClockReading:
    """What a `Date` header shows, which is cut to whole seconds and was written between the request
    and the response."""
    return ClockReading(
        (server_time - received_at).total_seconds(),
        (server_time + timedelta(seconds=1) - sent_at).total_seconds(),
    )


def narrowed(known: ClockReading | None, age_seconds: float, new: ClockReading) -> ClockReading:
    """What an older reading and a new one show together; the new one alone if a clock was set in
    between."""
    if known is None:
        return new
    slack = max(age_seconds, 0.0) * DRIFT
    least, most = max(known.least - slack, new.least), min(known.most + slack, new.most)
    return ClockReading(least, most) if least <= most else new


def observe(upstream: Upstream, client: ManagementClient) -> None:
    """Request the upstream's settings and store them in its row, also in the given object. Raises
    UpstreamError."""
    sent_at = timezone.now()
    settings = usage_settings(client)
    received_at = timezone.now()
    if upstream.usage_interface != UsageInterface.QUEUE or settings.version != upstream.version:
        upstream.usage_interface = usage_interface(client)
    upstream.version = settings.version
    upstream.statistics_enabled = settings.statistics_enabled
    upstream.retention_seconds = settings.retention_seconds
    if settings.server_time:
        reading = clock_reading(settings.server_time, sent_at, received_at)
        _narrow_clock(upstream, reading, received_at)
    upstream.observed_at, upstream.examination_error = received_at, ""
    upstream.save(update_fields=_OBSERVED)


def _narrow_clock(upstream: Upstream, new: ClockReading, now: datetime) -> None:
    least, most = upstream.clock_ahead_least, upstream.clock_ahead_most
    known, age = None, 0.0
    if upstream.observed_at and least is not None and most is not None:
        known = ClockReading(least, most)
        age = (now - upstream.observed_at).total_seconds()
    reading = narrowed(known, age, new)
    upstream.clock_ahead_least, upstream.clock_ahead_most = reading.least, reading.most


def examine_all() -> None:
    """Examine every enabled upstream that lets us in; the outcome is stored in its row."""
    for upstream in Upstream.objects.filter(is_enabled=True, access=Access.OPEN):
        examine(upstream)


def examine(upstream: Upstream) -> bool:
    """Call one upstream once; whether it responded as it should. What went wrong is stored as a
    sentence."""
    try:
        observe(upstream, client_for(upstream))
        error = ""
    except NotFound as missing:
        error = _explain_missing(upstream, missing)
    except UpstreamError as failure:
        error = str(failure)
    Upstream.objects.filter(pk=upstream.pk).update(
        examined_at=timezone.now(), examination_error=error[:300]
    )
    return not error


def _explain_missing(upstream: Upstream, missing: NotFound) -> str:
    if not upstream.management_url.endswith(MANAGEMENT_PATH):
        return _WRONG_PATH(reason=missing, path=MANAGEMENT_PATH)
    if greets(upstream):
        return _SWITCHED_OFF()
    return _ANOTHER_SERVER()


def greets(upstream: Upstream) -> bool:
    """Whether CLIProxyAPI's own greeting is at the address; needs no key and counts no failure
    (contract 9). A `/healthz` alone proves nothing: many servers have one, this one too."""
    url = upstream.management_url.removesuffix(MANAGEMENT_PATH) + "/"
    try:
        with httpx.stream("GET", url, timeout=CONNECT_SECONDS, trust_env=False) as response:
            beginning = next(response.iter_bytes(GREETING_BYTES), b"")
    except httpx.HTTPError:
        return False
    return any(greeting in beginning for greeting in GREETINGS)
