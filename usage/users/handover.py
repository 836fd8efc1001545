"""Handing over what a user owns when they leave: shown first, then done in one act.

Provider keys, accounts and groups get the new owner. Client keys do as well, or are revoked
upstream, since whoever leaves knows them. Saved views get the new owner if they are shared, and are
deleted if they are not. Personal tokens are revoked: they are the user themselves. All of it, and
disabling the user if that is wanted, is one transaction that holds the user's row, so that nothing
is added meanwhile; the changes of the upstreams that it records are carried out afterwards, and
survive a crash like any other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from management_proxy.models import PersonalToken
from management_proxy.tokens.actions import revoke_all
from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from providers.errors import ChangeRefused
from providers.funnel.writes import carry_out
from providers.handover import Owned, owned_by, request_revocations, transfer
from providers.models import ClientKey, Intent
from usage.models import SavedView
from usage.saved_views import actions as saved_views
from usage.saved_views.queries import owned_by as views_of
from usage.users.actions import Refused, disable
from usage.users.roles import may_change

_LEAVES = Recorded(gettext_noop("%(user)s leaves"))


@dataclass(frozen=True)
class Belongings:
    """What a user owns, the tokens that would be revoked, and the saved views, of which those that
    are not shared would be deleted."""

    owned: Owned
    tokens: Sequence[PersonalToken]
    views: Sequence[SavedView] = ()

    def __bool__(self) -> bool:
        return bool(self.owned or self.tokens or self.views)

    @property
    def digest(self) -> str:
        """Changes when anything is added or leaves."""
        tokens = [("token", token.pk) for token in self.tokens]
        views = [("view", view.pk, view.is_shared) for view in self.views]
        return hashlib.sha256(repr([*self.owned.identities, *tokens, *views]).encode()).hexdigest()

    @property
    def revocable(self) -> list[ClientKey]:
        """Client keys that an upstream can still be told to remove."""
        return [key for key in self.owned.client_keys if key.upstream.removed_at is None]


@dataclass(frozen=True)
class Handover:
    """What is to be done: the new owner (None: no user), what becomes of client keys, whether the
    user is disabled, and the digest of what was shown."""

    to: User | None
    revokes_client_keys: bool
    disables: bool
    shown: str


def belongings(user: User) -> Belongings:
    """What the user owns now."""
    tokens = list(user.personal_tokens.filter(revoked_at=None))
    return Belongings(owned_by(user), tokens, views_of(user))


def hand_over(user_id: int, wanted: Handover, by: User) -> list[Intent]:
    """Do it; the changes of upstreams with their outcomes. Raises Refused, and then nothing is
    done."""
    try:
        intents = _decide(user_id, wanted, by)
    except ChangeRefused as refusal:
        raise Refused(refusal.message) from refusal
    return [carry_out(intent) for intent in intents]


@transaction.atomic
def _decide(user_id: int, wanted: Handover, by: User) -> list[Intent]:
    user = _checked(user_id, wanted, by)
    found = belongings(user)
    if found.digest != wanted.shown:
        raise Refused(_("What the user owns has changed meanwhile: it is shown anew below."))
    transfer(found.owned, wanted.to, with_client_keys=not wanted.revokes_client_keys)
    saved_views.hand_over(found.views, wanted.to)
    keys = found.revocable if wanted.revokes_client_keys else []
    intents = request_revocations(keys, by, _LEAVES(user=user.get_username()))
    revoke_all(user, by)
    _record(user, found, wanted, by)
    if wanted.disables:
        disable(user_id, by)
    return intents


def _checked(user_id: int, wanted: Handover, by: User) -> User:
    taking_part = Q(pk__in=[user_id, wanted.to.pk if wanted.to else user_id])
    if wanted.disables:
        # `disable` locks these; all at once and in one order, so that no two wait for each other.
        taking_part |= Q(is_superuser=True, is_active=True)
    locked = User.objects.select_for_update().filter(taking_part).order_by("pk")
    rows = {row.pk: row for row in locked}
    user = rows.get(user_id)
    if user is None or not may_change(by, user):
        raise Refused(_("Only administrators may change this user."))
    if wanted.to and (wanted.to.pk == user_id or not rows[wanted.to.pk].is_active):
        raise Refused(_("The new owner must be another user who is not disabled."))
    return user


def _record(user: User, found: Belongings, wanted: Handover, by: User) -> None:
    detail = {
        "owner": wanted.to.get_username() if wanted.to else "nobody",
        "client_keys": "revoked" if wanted.revokes_client_keys else "transferred",
        "client_key_count": len(found.owned.client_keys),
        "provider_key_count": len(found.owned.provider_keys),
        "account_count": len(found.owned.accounts),
        "group_count": len(found.owned.groups),
        "view_count": len(found.views),
    }
    trail.record(
        by,
        "user.handed_over",
        user.get_username(),
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )
