"""Client keys that are away for a while: removed upstream because something wants it, such as a
budget, or a person disabled them; and given back when nothing does any more.

    (none) --withhold--> removing --read back: gone--> withheld --given back: listed--> (none)
                          ^    '--not removed--> refused      |
                          '------(after a rest)-----'         '--by hand, or added upstream by a
                                                                 person--> released
    refused, released --nothing wants it--> (none)
    released --something else wants it--> removing

Invariants
* The key's text is committed, encrypted, before its removal is sent, and deleted in the
  transaction that records that the upstream lists the key again, or that a person revoked it. So no
  crash loses it: whatever state is found, the next `bring_about` continues from.
* What is wanted is passed in whole each time and compared with what is. Nothing has to be
  remembered: what is wanted no more (a limit was raised, a budget deleted) is given back.
* A person is respected. A key that they revoke is forgotten. One that is listed upstream again, or
  that staff give back by hand, is `released`: it is not removed again for the same causes.
* What a person disabled (`by_hand`) is away until a person enables it, whatever else wants it.
* Removals and returns are changes of the funnel (`providers/funnel/writes.py`), submitted with the
  upstream's queue closed and only where no other change of the key waits; so none can undo a
  person's.
* The last client key is never removed, as the upstream serves everybody without one.

The database's clock decides whether a list was read after a removal.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from management_proxy.client.errors import UpstreamError
from management_proxy.client.lists import read_client_keys
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.audit import trail
from monitoring.encryption import UndecryptableError
from monitoring.texts.recorded import Recorded
from providers.client_keys.withholding_changes import (
    ReturnClientKey,
    WithholdClientKey,
    note_failure,
    release,
)
from providers.client_keys.withholding_requests import (
    ACTOR,
    Want,
    alone,
    request_removal,
    request_return,
)
from providers.digests import client_key_digest
from providers.errors import ChangeRefused
from providers.funnel.writes import finish_waiting
from providers.models import ClientKey, Intent, WithheldKey

State = WithheldKey.State
_DISABLED = Recorded(gettext_noop("disabled by %(user)s"))


@dataclass
class Listed:
    """The client keys that an upstream lists, by digest, and an instant before they were read."""

    read_at: datetime
    keys: dict[bytes, str]


@dataclass
class Done:
    """How many changes were requested, and which upstreams could not be read."""

    removed: int = 0
    returned: int = 0
    unreachable: dict[str, str] = field(default_factory=dict)


def bring_about(wanted: Mapping[int, Want]) -> Done:
    """Remove the client keys that are wanted removed, by id, and give back all others."""
    done = Done()
    upstreams = Upstream.objects.filter(pk__in=_concerned(wanted)).order_by("pk")
    for upstream in upstreams:
        requested = _requested(upstream, wanted, done)
        if requested:
            finish_waiting(upstream)
    return done


def give_back(client_key_id: int, actor: User) -> None:
    """Give a withheld key back by hand, though it is wanted removed. Raises ChangeRefused."""
    row = WithheldKey.objects.select_related("client_key__upstream").filter(pk=client_key_id)
    found = row.filter(state=State.WITHHELD).first()
    if found is None:
        raise ChangeRefused(gettext("the key is not withheld"), "", "CONFLICT")
    if not request_return(found, actor=actor, releases=True):
        raise ChangeRefused(gettext("another change of the key is under way"), "", "CONFLICT")
    finish_waiting(found.client_key.upstream)


def hold(key: ClientKey, listed: Mapping[bytes, str], actor: User) -> Intent:
    """Request, within the caller's transaction, that an active key be away until a person enables
    it; `listed` are the upstream's keys. Raises ChangeRefused."""
    if not (text := listed.get(bytes(key.digest))):
        raise ChangeRefused(gettext("the upstream does not list it any more"), "", "KEY_NOT_FOUND")
    want = Want(_DISABLED(user=actor.get_username()), frozenset())
    if intent := request_removal(key, text, want, actor):
        return intent
    raise ChangeRefused(gettext("the key is not in use, or is being changed"), "", "CONFLICT")


def let_go(key: ClientKey, actor: User) -> Intent:
    """Request, within the caller's transaction, that a withheld key be listed again. Raises
    ChangeRefused; only staff may enable what others or a limit withheld."""
    if not actor.is_staff and not _was_disabled_by(key, actor):
        raise ChangeRefused(
            gettext("only staff may enable a key that others or a limit withheld"),
            "",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    row = WithheldKey.objects.select_related("client_key__upstream").filter(pk=key.pk)
    found = row.filter(state=State.WITHHELD).first()
    # What a limit wants meanwhile only staff overrule.
    if found and (intent := request_return(found, actor=actor, releases=actor.is_staff)):
        return intent
    raise ChangeRefused(gettext("the key is not withheld, or is being changed"), "", "CONFLICT")


def _was_disabled_by(key: ClientKey, actor: User) -> bool:
    removals = Intent.objects.filter(upstream=key.upstream, subject=f"client-key:{key.pk}")
    last = removals.filter(kind=WithholdClientKey.kind).order_by("-pk").first()
    return last is not None and last.actor_id == actor.pk


def _concerned(wanted: Mapping[int, Want]) -> set[int]:
    rows = WithheldKey.objects.values_list("client_key__upstream", flat=True)
    active = ClientKey.objects.filter(pk__in=list(wanted), state=ClientKey.State.ACTIVE)
    return {*rows, *active.values_list("upstream", flat=True)}


def _requested(upstream: Upstream, wanted: Mapping[int, Want], done: Done) -> bool:
    """Whether anything waits to be carried out after requesting what is due."""
    rows = WithheldKey.objects.filter(client_key__upstream=upstream)
    held = {row.pk: row for row in rows.select_related("client_key__upstream")}
    away = [
        key
        for key in ClientKey.objects.filter(upstream=upstream, pk__in=list(wanted))
        if key.state == ClientKey.State.ACTIVE and _must_go(held.get(key.pk), wanted[key.pk])
    ]
    listed = _listed(upstream, done) if away or _some_withheld(held) else None
    before = done.removed + done.returned
    for row in held.values():
        with _noting_failure(row.pk):
            _settle(row, wanted.get(row.pk), listed, done)
    for key in away:
        text = listed.keys.get(bytes(key.digest)) if listed else None
        with _noting_failure(key.pk):
            done.removed += bool(text and request_removal(key, text, wanted[key.pk]))
    return done.removed + done.returned > before or _waits(upstream)


@contextmanager
def _noting_failure(client_key_id: int) -> Iterator[None]:
    """One key that cannot be dealt with costs the others nothing."""
    try:
        yield
    except (ChangeRefused, UndecryptableError) as problem:
        with transaction.atomic():
            note_failure(client_key_id, str(problem) or "no key of ENCRYPTION_KEYS fits")


def _some_withheld(held: Mapping[int, WithheldKey]) -> bool:
    return any(row.state == State.WITHHELD for row in held.values())


def _waits(upstream: Upstream) -> bool:
    kinds = (WithholdClientKey.kind, ReturnClientKey.kind)
    waiting = Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED)
    return waiting.filter(kind__in=kinds).exists()


def _must_go(row: WithheldKey | None, want: Want) -> bool:
    if row is None:
        return True
    if row.state == State.RELEASED:
        return not want.causes <= set(row.causes)
    return row.state in (State.REFUSED, State.REMOVING) and _is_due(row)


def _is_due(row: WithheldKey) -> bool:
    return row.next_try_at is None or row.next_try_at <= timezone.now()


def _listed(upstream: Upstream, done: Done) -> Listed | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        read_at = cursor.fetchone()[0]
    try:
        keys = read_client_keys(client_for(upstream))
    except UpstreamError as error:
        done.unreachable[upstream.name] = str(error)
        return None
    return Listed(read_at, {client_key_digest(key): key.strip() for key in keys if key.strip()})


def _settle(row: WithheldKey, want: Want | None, listed: Listed | None, done: Done) -> None:
    """One step of a row's way, if one is due."""
    key = row.client_key
    if key.state == ClientKey.State.REVOKED:
        _forget(row)
    elif row.state == State.WITHHELD and listed and bytes(key.digest) in listed.keys:
        _note_added(row, listed.read_at)
    elif row.state in (State.WITHHELD, State.REMOVING) and want is None:
        if _is_due(row) and not row.by_hand:
            done.returned += bool(_end_or_return(row))
    elif row.state in (State.REFUSED, State.RELEASED) and want is None:
        _forget(row)
    elif want is not None and row.state == State.WITHHELD:
        _note_causes(row, want)


def _end_or_return(row: WithheldKey) -> Intent | None:
    """A key whose time has passed meanwhile is not given back."""
    key = row.client_key
    if key.expires_at is None or key.expires_at > timezone.now() or row.state != State.WITHHELD:
        return request_return(row)
    with alone(row) as is_alone:
        if is_alone:
            ClientKey.objects.filter(pk=key.pk).update(
                state=ClientKey.State.REVOKED, revoked_at=timezone.now()
            )
            WithheldKey.objects.filter(pk=row.pk).delete()
    return None


def _forget(row: WithheldKey) -> None:
    WithheldKey.objects.filter(pk=row.pk, state=row.state).delete()


def _note_causes(row: WithheldKey, want: Want) -> None:
    if set(row.causes) != want.causes:
        rows = WithheldKey.objects.filter(pk=row.pk, state=State.WITHHELD)
        rows.update(causes=sorted(want.causes), reason=want.reason[:300])


def _note_added(row: WithheldKey, read_at: datetime) -> None:
    """Another program listed the key again since it was removed."""
    key = row.client_key
    with alone(row) as is_alone:
        rows = WithheldKey.objects.filter(pk=row.pk, state=State.WITHHELD, changed_at__lt=read_at)
        if is_alone and release(rows):
            ClientKey.objects.filter(pk=key.pk).update(state=ClientKey.State.ACTIVE)
            trail.record(
                None,
                "client_key.added_again",
                key.display_name,
                upstream=key.upstream.name,
                outcome=trail.Outcome.SUCCEEDED,
                actor_name=ACTOR,
            )
