"""Finding personal tokens: a user's own, and the one that a secret belongs to."""

import hashlib

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from management_proxy.models import PersonalToken

# Marked, so that a token is recognised in a list and in a leak.
MARK = "tollgate_"


def live_tokens(user: User) -> QuerySet[PersonalToken]:
    """The user's tokens that are neither revoked nor expired."""
    return PersonalToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user=user, revoked_at=None
    )


def digest_of(secret: str) -> bytes:
    """What is kept of a token's secret."""
    return hashlib.sha256(secret.encode()).digest()


def find_token(secret: str) -> tuple[PersonalToken | None, str]:
    """The token of a secret, or None and the reason why it is not accepted."""
    token = PersonalToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        return None, "The token is unknown."
    if token.revoked_at:
        return None, "The token was revoked."
    if token.expires_at and token.expires_at <= timezone.now():
        return None, "The token has expired."
    if not token.user.is_active:
        return None, "The token's user is disabled."
    return token, ""
