"""Personal tokens: what a script presents instead of a person's session.

A token is 256 random bits that are shown once and kept as their SHA-256, which for a secret of that
size is as good as a slow hash. It never grants more than its user may do at that moment: staff that
lost the right, and users that were switched off, take their tokens with them. Its own scope and
upstreams narrow that further.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from management_proxy.models import PersonalToken, Upstream
from monitoring.audit import trail

MARK = "tollgate_"
MOST_PER_USER = 50
# Marked, so that a token can be told from others in the list and in a leak, without helping to
# guess it.
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
        raise TokenNotMade(f"There are {MOST_PER_USER} tokens already; revoke one first.")
    try:
        with transaction.atomic():
            token = PersonalToken.objects.create(
                user=user,
                name=name,
                scope=scope,
                any_upstream=upstreams is None,
                expires_at=expires_at,
                prefix=secret[:_PREFIX_LENGTH],
                digest=digest_of(secret),
            )
            token.upstreams.set(upstreams or [])
            detail = {
                "scope": scope,
                "upstreams": [u.name for u in upstreams] if upstreams is not None else "any",
                "expires_at": expires_at,
            }
            trail.record(
                user,
                "personal_token.created",
                _target(token),
                outcome=trail.Outcome.SUCCEEDED,
                detail=detail,
            )
    except IntegrityError as error:
        raise TokenNotMade(f"A token named {name} is in use already.") from error
    return token, secret


def revoke_token(token: PersonalToken, by: User) -> bool:
    """Refuse the token from now on; False if it was revoked already."""
    with transaction.atomic():
        revoked = (
            PersonalToken.objects.filter(pk=token.pk, revoked_at=None).update(
                revoked_at=timezone.now()
            )
            == 1
        )
        if revoked:
            trail.record(
                by, "personal_token.revoked", _target(token), outcome=trail.Outcome.SUCCEEDED
            )
    return revoked


def _target(token: PersonalToken) -> str:
    return f"{token.name} of {token.user.get_username()}"


def live_tokens(user: User) -> QuerySet[PersonalToken]:
    """The user's tokens that are neither revoked nor expired."""
    return PersonalToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user=user, revoked_at=None
    )


def digest_of(secret: str) -> bytes:
    """What is kept of a token's secret."""
    return hashlib.sha256(secret.encode()).digest()


def find_token(secret: str) -> tuple[PersonalToken | None, str]:
    """The token of a secret, or None and the reason why it is of no use."""
    token = PersonalToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        return None, "The token is unknown."
    if token.revoked_at:
        return None, "The token was revoked."
    if token.expires_at and token.expires_at <= timezone.now():
        return None, "The token has expired."
    if not token.user.is_active:
        return None, "The token's user is switched off."
    return token, ""


def note_use(token: PersonalToken, source_ip: str) -> None:
    """Remember when and from where the token was last used, to the minute."""
    now = timezone.now()
    if token.last_used_at and now - token.last_used_at < _USE_NOTED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
    PersonalToken.objects.filter(stale, pk=token.pk).update(
        last_used_at=now, last_used_ip=source_ip
    )
