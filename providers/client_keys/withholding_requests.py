"""Requests to remove a client key for a while and to list it again, each in one transaction with
its `WithheldKey`; `withholding.py` decides which are due."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from management_proxy.models import Upstream
from monitoring.failpoints import around
from providers.client_keys.withholding_changes import ReturnClientKey, WithholdClientKey
from providers.funnel.changes import Change
from providers.funnel.writes import hold_places, submit
from providers.models import ClientKey, Intent, WithheldKey

State = WithheldKey.State
ACTOR = "Tollgate"


@dataclass(frozen=True)
class Want:
    """Why a client key is to be removed: in words, and the numbers of what wants it."""

    reason: str
    causes: frozenset[int]


def request_removal(
    key: ClientKey, text: str, want: Want, actor: User | None = None
) -> Intent | None:
    """Request the removal of an active key, whose text is kept from here on; by hand if an actor
    wants it. None if another change of the key waits, or it is not active."""
    change = WithholdClientKey(
        client_key_id=key.pk, digest=bytes(key.digest), label=key.display_name
    )
    fields = {
        "state": State.REMOVING,
        "key_encrypted": WithheldKey.encrypted(text),
        "reason": want.reason[:300],
        "causes": sorted(want.causes),
        "by_hand": actor is not None,
        "changed_at": timezone.now(),
    }
    with around("withholding"), transaction.atomic():
        hold_places(key.upstream)
        waiting = Intent.objects.filter(upstream=key.upstream, state__in=Intent.UNSETTLED)
        if waiting.filter(subject=change.subject).exists():
            return None
        if not ClientKey.objects.filter(pk=key.pk, state=ClientKey.State.ACTIVE).exists():
            return None
        WithheldKey.objects.update_or_create(pk=key.pk, defaults=fields)
        return _submit(key.upstream, change, actor, want.reason)


def request_return(
    row: WithheldKey, actor: User | None = None, *, releases: bool = False
) -> Intent | None:
    """Request that a key be listed again. None if another change of it waits."""
    key = row.client_key
    change = ReturnClientKey(
        client_key_id=key.pk, key=row.key, label=key.display_name, releases=releases
    )
    with around("giving back"), alone(row) as is_alone:
        return _submit(key.upstream, change, actor, row.reason) if is_alone else None


@contextmanager
def alone(row: WithheldKey) -> Iterator[bool]:
    """A transaction in which no change of the key can be requested by others; whether none waits
    and the row is as it was read."""
    key = row.client_key
    with transaction.atomic():
        hold_places(key.upstream)
        waiting = Intent.objects.filter(upstream=key.upstream, state__in=Intent.UNSETTLED)
        same = WithheldKey.objects.select_for_update().filter(pk=row.pk, state=row.state)
        yield (
            not waiting.filter(subject=f"client-key:{key.pk}").exists()
            and same.exists()
            and ClientKey.objects.filter(pk=key.pk, state=key.state).exists()
        )


def _submit(upstream: Upstream, change: Change, actor: User | None, reason: str) -> Intent:
    return submit(upstream, change, actor, reason, actor_name="" if actor else ACTOR)
