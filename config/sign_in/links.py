"""Links by which a user sets a password: to accept an invitation, or because the old one is lost.

    none --make--> open --redeem--> none, and the password is set
                    | '--it expires, the next one is made, or its user is disabled--> refused

Invariants
* A user has one link at most: the next one replaces it, and using it deletes it. So a link works
  once, also if it is sent twice at once.
* The database holds the SHA-256 of 256 random bits, which are shown once.
* A link of a disabled user is refused; disabling deletes it, so that enabling brings none back.
* Whoever writes a link locks its user's row first. The database's clock decides whether it expired.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from config.sign_in.models import PasswordLink
from monitoring.audit import trail

# Marked like our tokens, so that it is masked wherever it is written by mistake.
MARK = "tollgate_"
LIFETIME = timedelta(days=7)


class LinkRefused(Exception):
    """The link is unknown, used, replaced or expired, or its user is disabled."""


def make_link(user: User) -> str:
    """A link's secret, shown this once; the one before is refused from now on. The caller holds the
    lock on the user's row, and records why."""
    secret = MARK + secrets.token_urlsafe(32)
    PasswordLink.objects.update_or_create(
        user=user, defaults={"digest": digest_of(secret), "expires_at": Now() + LIFETIME}
    )
    return secret


def user_of_link(secret: str) -> User:
    """Whose password it sets. Raises LinkRefused."""
    link = (
        PasswordLink.objects.select_related("user")
        .filter(digest=digest_of(secret), expires_at__gt=Now(), user__is_active=True)
        .first()
    )
    if link is None:
        raise LinkRefused
    return link.user


@transaction.atomic
def redeem(secret: str, password: str) -> User:
    """Set the password of the link's user, and end the link. Raises LinkRefused."""
    found = user_of_link(secret)
    user = User.objects.select_for_update().filter(pk=found.pk, is_active=True).first()
    link = PasswordLink.objects.filter(digest=digest_of(secret), expires_at__gt=Now())
    if user is None or link.delete()[0] != 1:
        raise LinkRefused
    is_first = not user.has_usable_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    trail.record(
        user,
        "user.joined" if is_first else "user.password_set",
        user.get_username(),
        outcome=trail.Outcome.SUCCEEDED,
    )
    return user


def forget_expired() -> None:
    """Delete the links that were not used in time."""
    PasswordLink.objects.filter(expires_at__lte=Now()).delete()


def digest_of(secret: str) -> bytes:
    """What is kept of a link's secret."""
    return hashlib.sha256(secret.encode()).digest()
