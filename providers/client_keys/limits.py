"""Soft limits and ends of client keys: judged here, enforced by removing the key upstream, since
nothing else could."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from monitoring.texts.recorded import Recorded
from providers.client_keys.consumption import Consumption
from providers.models import ClientKey

WARN_AT = 0.8
SOON = timedelta(days=7)
_EXPIRED = Recorded(gettext_noop("its time is over"))
_USED_UP = Recorded(gettext_noop("it reached its monthly limit"))


@dataclass(frozen=True)
class Standing:
    """The state of a key: share of its nearest limit used (None without limits), and a word that
    the pages colour."""

    share: float | None
    word: str

    @property
    def percent(self) -> int:
        """The share in whole percent, not above 100."""
        return min(round((self.share or 0) * 100), 100)


def standing_of(key: ClientKey, used: Consumption) -> Standing:
    """`revoked`, `requested`, `withheld`, `expired`, `over`, `near`, `ends soon`, `seen` or `good`;
    the worst that holds."""
    shares = [
        spent / limit
        for spent, limit in (
            (used.requests, key.monthly_requests),
            (used.tokens, key.monthly_tokens),
        )
        if limit
    ]
    share = max(shares) if shares else None
    now = timezone.now()
    words = (
        (key.state != ClientKey.State.ACTIVE, key.state),
        (key.expires_at is not None and key.expires_at <= now, "expired"),
        (share is not None and share >= 1, "over"),
        (share is not None and share >= WARN_AT, "near"),
        (key.expires_at is not None and key.expires_at <= now + SOON, gettext("ends soon")),
    )
    return Standing(share, next((word for holds, word in words if holds), "good"))


def must_go(key: ClientKey, used: Consumption) -> str:
    """Why an active key is to be removed now; empty if it is not."""
    standing = standing_of(key, used)
    if standing.word == "expired":
        return _EXPIRED()
    if standing.word == "over" and key.removes_at_limit:
        return _USED_UP()
    return ""
