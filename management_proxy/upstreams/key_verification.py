"""A management key that the upstream has not accepted yet is tried by exactly one request.

The upstream bans our address after five refused keys (contract 1.3, 1.5), and many threads of many
processes may call at once. So the digest of the key that was accepted last is stored with the
upstream, and while the present key's differs, no call is made with it: not by the proxy, not by our
own client, not by the subscription.

    unverified --one caller of all wins the claim--> on trial (until) --accepted--> verified
        ^                                             |         '--refused--> every caller stops
                                                      (access.py)
        '-- nothing was learnt, or its holder died and `until` passed --'

* The trial is a request of its own, the cheapest that needs the key (contract 9), so that a claim
  outlasts it by far.
* The others wait for what comes of it, PATIENCE_SECONDS at most, and then raise KeyOnTrial.
* The database's clock decides about claims, and only the holder of one ends it early.
* The digest is of the key and the address: to another server the same key is a stranger. A refused
  key is one again.
* Once verified this costs a hash: the row is read by every caller anyway.
* A holder that was frozen between its claim and its request for longer than a claim lasts makes a
  second request.
"""

import time
from datetime import datetime

from django.db import connection
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import NotReached
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import CONNECT_SECONDS, Limits, in_haste
from management_proxy.models import Access, Upstream
from management_proxy.upstreams.access import check_access, record_block
from monitoring.texts.recorded import Recorded

TRIAL = Limits.of(5)
# Longer than connecting and two waits for bytes, the longest that a trial can take.
CLAIM_SECONDS = CONNECT_SECONDS + 2 * TRIAL.total + 5
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.05
_ON_TRIAL = Recorded(_("another call is trying the management key"))


class KeyOnTrial(NotReached):
    """Another caller is trying the key, and the outcome did not come in time."""

    failure_class = "auth"


def digest_of(upstream: Upstream, key: str) -> bytes:
    """What an accepted key is recognised by, at this upstream's address."""
    return salted_hmac(
        # Stored digests depend on this name, which the module once had.
        "management_proxy.upstreams.verification",
        f"{upstream.management_url}\n{key}",
        algorithm="sha256",
    ).digest()


def is_verified(upstream: Upstream, key: str) -> bool:
    """Whether the upstream, as it was read, has accepted this key."""
    return constant_time_compare(bytes(upstream.key_verified_digest), digest_of(upstream, key))


def ensure_verified(upstream: Upstream, key: str) -> None:
    """Return once the upstream has accepted the key. Raises UpstreamError: that of the trial,
    Blocked or KeyOnTrial."""
    give_up_at, pause = time.monotonic() + PATIENCE_SECONDS, 0.0
    while not is_verified(upstream, key):
        if claim := _claim(upstream, digest_of(upstream, key)):
            _try(upstream, key, claim)
            return
        if time.monotonic() >= give_up_at:
            raise KeyOnTrial(_ON_TRIAL())
        time.sleep(pause)
        pause = POLL_SECONDS
        check_access(upstream)


def _claim(upstream: Upstream, digest: bytes) -> datetime | None:
    """Until when the trial is ours; None if another caller holds it, or nothing is left to try."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            /* management_proxy.upstreams.key_verification.claim */
            UPDATE management_proxy_upstream
            SET key_on_trial_until = clock_timestamp() + make_interval(secs => %s)
            WHERE id = %s AND access = %s AND key_verified_digest <> %s
                AND (key_on_trial_until IS NULL OR key_on_trial_until <= clock_timestamp())
            RETURNING key_on_trial_until
            """,
            [CLAIM_SECONDS, upstream.pk, Access.OPEN, digest],
        )
        row = cursor.fetchone()
        return row[0] if row else None


def _try(upstream: Upstream, key: str, claim: datetime) -> None:
    accepted = b""
    try:
        client = ManagementClient(
            upstream.management_url, key, on_blocked=lambda error: record_block(upstream, error)
        )
        with in_haste(None):  # a trial whose outcome stays unknown may be one of five refused
            client.call("GET", "usage-statistics-enabled", TRIAL)
        accepted = digest_of(upstream, key)
    finally:
        found = {"key_verified_digest": accepted} if accepted else {}
        Upstream.objects.filter(pk=upstream.pk, key_on_trial_until=claim).update(
            key_on_trial_until=None, **found
        )
    upstream.key_verified_digest = accepted
