"""What people do with client keys. A key is made here, shown once, and kept as a keyed hash."""

import secrets
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.audit import trail
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.client_keys.consumption import consumption_of
from providers.client_keys.limits import must_go
from providers.client_keys.queries import listed_digests, listed_texts
from providers.client_keys.withholding import hold, let_go
from providers.digests import client_key_digest, last_four
from providers.errors import ChangeRefused
from providers.funnel.writes import carry_out, submit
from providers.keys.field_values import checked_key
from providers.models import ClientKey, Intent
from providers.permissions import check_limit, check_may_manage

State = ClientKey.State
_IN_USE = (State.REQUESTED, State.ACTIVE, State.WITHHELD)
SHORTEST_KEY = 16
LONGEST_KEY = 200
LONGEST_OVERLAP = timedelta(days=30)


@dataclass(frozen=True)
class Terms:
    """What a key is bound to; `None` is no bound."""

    expires_at: datetime | None = None
    monthly_requests: int | None = None
    monthly_tokens: int | None = None
    removes_at_limit: bool = False

    def check(self) -> None:
        """Raise ChangeRefused naming the field."""
        if self.expires_at and self.expires_at <= timezone.now():
            raise ChangeRefused(gettext("it lies in the past"), "expires_at")
        for name in ("monthly_requests", "monthly_tokens"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 2**63:
                raise ChangeRefused(gettext("expected a number above 0, or nothing"), name)
        if self.removes_at_limit and not (self.monthly_requests or self.monthly_tokens):
            raise ChangeRefused(
                gettext("there is no limit at which it could be removed"), "removes_at_limit"
            )

    @classmethod
    def of(cls, row: ClientKey) -> "Terms":
        """Those of a key."""
        return cls(row.expires_at, row.monthly_requests, row.monthly_tokens, row.removes_at_limit)

    @property
    def fields(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in ("expires_at", "monthly_requests", "monthly_tokens", "removes_at_limit")
        }


@dataclass(frozen=True)
class MadeKey:
    """A new key, in the clear for this once, and what became of the request."""

    row: ClientKey
    key: str
    intent: Intent


def create(
    upstream: Upstream,
    actor: User | None,
    *,
    owner: User | None,
    name: str,
    terms: Terms | None = None,
    note: str = "",
    key: str = "",
    reason: str = "",
) -> MadeKey:
    """Make a key (or take the one given) and add it upstream. Raises ChangeRefused; the limit holds
    for all but staff.

    Without an actor the request comes from the shell, which is staff.
    """
    terms = terms or Terms()
    terms.check()
    key = _checked(key) if key else f"sk-{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        if owner and actor and not actor.is_staff:
            check_limit(
                owner,
                _in_use(upstream).filter(owner=owner),
                settings.MAX_CLIENT_KEYS_PER_USER,
                gettext_noop("client keys"),
            )
        row = _requested_row(upstream, key, owner=owner, name=name, note=note, **terms.fields)
        intent = submit(
            upstream, AddClientKey(client_key_id=row.pk, key=key, name=name), actor, reason
        )
    return MadeKey(row, key, carry_out(intent))


def _checked(key: str) -> str:
    key = checked_key(key, "key")
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ChangeRefused(
            gettext("a key has %(least)s to %(most)s characters")
            % {"least": SHORTEST_KEY, "most": LONGEST_KEY},
            "key",
        )
    return key


def _in_use(upstream: Upstream) -> Any:
    return ClientKey.objects.filter(upstream=upstream, state__in=_IN_USE)


def _requested_row(upstream: Upstream, key: str, **fields: Any) -> ClientKey:
    """The row of a key that is about to be added; one that was only seen, or revoked, comes back
    into use."""
    row, created = ClientKey.objects.select_for_update().get_or_create(
        upstream=upstream,
        digest=client_key_digest(key),
        defaults={"last_four": last_four(key), "state": State.REQUESTED, **fields},
    )
    if not created:
        if row.state == State.WITHHELD:
            raise ChangeRefused(
                gettext("this key is withheld; staff can give it back"), "key", "CONFLICT"
            )
        if row.state in _IN_USE:
            raise ChangeRefused(gettext("this key is in use already"), "key", "KEY_ALREADY_EXISTS")
        for name, value in {"state": State.REQUESTED, "revoked_at": None, **fields}.items():
            setattr(row, name, value)
        row.save()
    return row


def rotate(row: ClientKey, actor: User, overlap: timedelta, reason: str = "") -> MadeKey:
    """A new key with the same name, owner and terms; the old one ends after the overlap. Raises
    ChangeRefused."""
    check_may_manage(actor, row.owner_id)
    _check_active(row)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ChangeRefused(
            gettext("expected between 0 and %(days)s days") % {"days": LONGEST_OVERLAP.days},
            "overlap",
        )
    key = f"sk-{secrets.token_urlsafe(32)}"
    terms = {
        "expires_at": None,
        "monthly_requests": row.monthly_requests,
        "monthly_tokens": row.monthly_tokens,
        "removes_at_limit": row.removes_at_limit,
    }
    with transaction.atomic():
        new = _requested_row(
            row.upstream,
            key,
            owner=row.owner,
            name=row.name,
            note=row.note,
            replaces=row,
            **terms,
        )
        change = AddClientKey(
            client_key_id=new.pk,
            key=key,
            name=row.name,
            retires_after_seconds=overlap.total_seconds(),
        )
        intent = submit(row.upstream, change, actor, reason)
    made = MadeKey(new, key, carry_out(intent))
    if made.intent.state == Intent.State.VERIFIED and not overlap:
        revoke(row, actor, "replaced")
    return made


def revoke(row: ClientKey, actor: User | None, reason: str = "") -> Intent:
    """Remove it upstream at once; its usage stays. Raises ChangeRefused."""
    return carry_out(request_revocation(row, actor, reason))


def request_revocation(row: ClientKey, actor: User | None, reason: str = "") -> Intent:
    """The same, to be carried out once the caller's transaction is committed. Raises
    ChangeRefused."""
    if actor:
        check_may_manage(actor, row.owner_id)
    change = RemoveClientKey(client_key_id=row.pk, digest=bytes(row.digest), label=row.display_name)
    return submit(row.upstream, change, actor, reason, actor_name="" if actor else "Tollgate")


def switch(row: ClientKey, actor: User, *, disabled: bool) -> Intent:
    """Take it out of use, which withholds it until it is enabled, or back into use. Raises
    ChangeRefused, UpstreamError."""
    check_may_manage(actor, row.owner_id)
    listed = listed_texts(row.upstream) if disabled else {}
    with transaction.atomic():
        intent = hold(row, listed, actor) if disabled else let_go(row, actor)
    return carry_out(intent)


def adopt(
    row: ClientKey,
    actor: User,
    *,
    owner: User | None,
    name: str,
    terms: Terms | None = None,
    note: str | None = None,
    listed: Container[bytes] | None = None,
) -> None:
    """Name a key that was only seen, and manage it from now on if the upstream lists it. Raises
    ChangeRefused, UpstreamError.

    One that is known from usage alone gets a name and an owner, which is all that there is to
    manage. `listed` are the digests that the upstream lists, if the caller has read them.
    """
    if listed is None:
        listed = listed_digests(client_for(row.upstream))
    edit(
        row,
        actor,
        owner=owner,
        name=name,
        terms=terms or Terms(),
        note=note,
        action="client_key.adopted",
    )
    if bytes(row.digest) in listed:
        ClientKey.objects.filter(pk=row.pk, state=State.SEEN).update(state=State.ACTIVE)


def edit(
    row: ClientKey,
    actor: User,
    *,
    owner: User | None,
    name: str,
    terms: Terms,
    note: str | None = None,
    action: str = "client_key.edited",
) -> None:
    """Another name, owner, terms or, if one is given, note. Raises ChangeRefused."""
    check_may_manage(actor, row.owner_id)
    if terms.expires_at != row.expires_at:
        terms.check()
    noted = {} if note is None else {"note": note}
    ClientKey.objects.filter(pk=row.pk).update(owner=owner, name=name, **noted, **terms.fields)
    detail = {
        "owner": owner.get_username() if owner else None,
        **noted,
        **{field: str(value) for field, value in terms.fields.items()},
    }
    trail.record(
        actor,
        action,
        name or row.display_name,
        upstream=row.upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )


def _check_active(row: ClientKey) -> None:
    if row.state != State.ACTIVE:
        raise ChangeRefused(gettext("the key is not in use"), "", "CONFLICT")


def remove_due(upstream: Upstream) -> list[Intent]:
    """Remove the keys whose time is over or that reached a limit at which they are to go."""
    active = list(ClientKey.objects.filter(upstream=upstream, state=State.ACTIVE))
    used = consumption_of([row.pk for row in active])
    due = [
        (row, reason)
        for row in active
        if (reason := must_go(row, used[row.pk])) and not _is_asked_for(row)
    ]
    return [revoke(row, None, reason) for row, reason in due]


def _is_asked_for(row: ClientKey) -> bool:
    waiting = Intent.objects.filter(
        upstream=row.upstream, subject=f"client-key:{row.pk}", state__in=Intent.UNSETTLED
    )
    return waiting.exists()
