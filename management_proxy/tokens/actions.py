"""Personal tokens: what a script presents instead of a person's session.

A token is 256 random bits that are shown once and kept as their SHA-256, which for a secret of that
size is as good as a slow hash. It never grants more than its user may do at that moment: staff that
lost the right, and users that were switched off, take their tokens with them. Its own scope and
upstreams narrow that further.
"""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.models import PersonalToken, Upstream
from management_proxy.tokens.queries import MARK, digest_of, live_tokens
from monitoring.audit import trail

MOST_PER_USER = 50
# To recognise a token by, without helping to guess it.
_PREFIX_LENGTH = len(MARK) + 6
_USE_NOTED_EVERY = timedelta(minutes=1)


class TokenNotMade(Exception):
    """A token of that name is in use already, or there are too many."""


def create_token(
    user: User,
    name: str,
    scope: str,
    *,
    upstreams: list[Upstream] | None = None,
    expires_at: datetime | None = None,
) -> tuple[PersonalToken, str]:
    """A new token and, for this once, its secret. `upstreams` of None means any, now and later.
    Raises TokenNotMade."""
    secret = MARK + secrets.token_urlsafe(32)
    if live_tokens(user).count() >= MOST_PER_USER:
        raise TokenNotMade(
            gettext("There are %(most)s tokens already; revoke one first.")
            % {"most": MOST_PER_USER}
        )
    token = PersonalToken(
        user=user,
        name=name,
        scope=scope,
        any_upstream=upstreams is None,
        expires_at=expires_at,
        prefix=secret[:_PREFIX_LENGTH],
        digest=digest_of(secret),
    )
    try:
        _save(token, upstreams or [])
    except IntegrityError as error:
        raise TokenNotMade(
            gettext("A token named %(name)s is in use already.") % {"name": name}
        ) from error
    return token, secret


@transaction.atomic
def _save(token: PersonalToken, upstreams: list[Upstream]) -> None:
    token.save()
    token.upstreams.set(upstreams)
    detail = {
        "scope": token.scope,
        "upstreams": "any" if token.any_upstream else [upstream.name for upstream in upstreams],
        "expires_at": token.expires_at,
    }
    trail.record(
        token.user,
        "personal_token.created",
        _target(token),
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )


def revoke_token(token: PersonalToken, by: User) -> bool:
    """Refuse the token from now on; False if it was revoked already."""
    with transaction.atomic():
        live = PersonalToken.objects.filter(pk=token.pk, revoked_at=None)
        revoked = live.update(revoked_at=timezone.now()) == 1
        if revoked:
            trail.record(
                by, "personal_token.revoked", _target(token), outcome=trail.Outcome.SUCCEEDED
            )
    return revoked


def revoke_all(user: User, by: User) -> int:
    """Refuse all tokens of a user from now on; how many there were."""
    live = PersonalToken.objects.filter(user=user, revoked_at=None).select_related("user")
    return sum(revoke_token(token, by) for token in live)


def _target(token: PersonalToken) -> str:
    return f"{token.user.get_username()}: {token.name}"


def note_use(token: PersonalToken, source_ip: str) -> None:
    """Record when and from where the token was last used, to the minute."""
    now = timezone.now()
    if token.last_used_at and now - token.last_used_at < _USE_NOTED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
    PersonalToken.objects.filter(stale, pk=token.pk).update(
        last_used_at=now, last_used_ip=source_ip
    )
