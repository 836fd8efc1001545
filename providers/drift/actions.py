"""Bringing our belief and the upstream together: interrupted changes finished, differences fixed
in a chosen direction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.client_keys.queries import listed_digests, note_listed
from providers.drift.queries import Difference, check_drift, compare, kept_client_keys
from providers.errors import ChangeRefused
from providers.funnel.changes import change_of
from providers.funnel.writes import carry_out, finish_waiting, submit
from providers.keys import actions as provider_keys
from providers.keys.changes import RemoveEntry
from providers.keys.families import FAMILIES
from providers.keys.queries import find_listed, listed_keys
from providers.models import ClientKey, Intent, ProviderKey

Direction = Literal["here", "there"]
_RECONCILED = Recorded(gettext_noop("reconciled"))
REASON = _RECONCILED()
# How long a verified change keeps its secret, so that a loss which shows soon afterwards can be put
# back.
KEPT_FOR = timedelta(days=1)


@dataclass
class Outcome:
    """What a reconciliation did: intents it made, differences it left, and why some could not be
    fixed."""

    fixed: list[Difference] = field(default_factory=list)
    left: list[Difference] = field(default_factory=list)
    refused: list[tuple[Difference, str]] = field(default_factory=list)


def fix(
    upstream: Upstream, difference: Difference, direction: Direction, actor: User | None
) -> Intent | None:
    """Fix one difference, found afresh just now; the intent if the upstream was changed. Raises
    ChangeRefused, UpstreamError."""
    if direction == "here" and not difference.can_restore:
        raise ChangeRefused(difference.detail)
    thing = "client key" if difference.thing == "client key" else "provider key"
    action = _ACTIONS[thing, difference.kind, direction]
    return action(upstream, difference, actor)


def find_difference(upstream: Upstream, client: ManagementClient, difference_id: str) -> Difference:
    """The difference of that id if it still exists. Raises ChangeRefused, UpstreamError."""
    found = next((d for d in compare(upstream, client) if d.id == difference_id), None)
    if found is None:
        raise ChangeRefused(gettext("this difference does not exist any more"), "", "CONFLICT")
    return found


def reconcile(
    upstream: Upstream, *, direction: Direction | None = None, actor: User | None = None
) -> Outcome:
    """Finish what was interrupted, put back what was lost, and with a direction fix all the rest
    in it. Raises UpstreamError."""
    finish_waiting(upstream)
    outcome = Outcome()
    for difference in compare(upstream, client_for(upstream)):
        chosen: Direction | None = direction or (
            "here" if difference.kind == "only here" and difference.can_restore else None
        )
        if chosen is None:
            outcome.left.append(difference)
            continue
        try:
            intent = fix(upstream, difference, chosen, actor)
            error = intent.error if intent and intent.state != Intent.State.VERIFIED else ""
        except ChangeRefused as refusal:
            error = refusal.message
        if error:
            outcome.refused.append((difference, error))
        else:
            outcome.fixed.append(difference)
    check_drift(upstream)
    return outcome


def _restore_client_key(upstream: Upstream, difference: Difference, actor: User | None) -> Intent:
    row = _client_key(upstream, difference)
    intent = kept_client_keys(upstream)[row.pk]
    change = change_of(intent)
    if not isinstance(change, AddClientKey):
        raise ChangeRefused(gettext("the key itself is not kept"))
    return carry_out(
        submit(
            upstream,
            AddClientKey(client_key_id=row.pk, key=change.key, name=row.name),
            actor,
            REASON,
        )
    )


def _give_up_client_key(upstream: Upstream, difference: Difference, actor: User | None) -> None:
    row = _client_key(upstream, difference)
    ClientKey.objects.filter(pk=row.pk, state=ClientKey.State.ACTIVE).update(
        state=ClientKey.State.REVOKED, revoked_at=timezone.now()
    )
    trail.record(
        actor,
        "client_key.gone",
        row.display_name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        actor_name="Tollgate",
    )


def _remove_client_key(upstream: Upstream, difference: Difference, actor: User | None) -> Intent:
    row = _client_key(upstream, difference)
    return carry_out(
        submit(
            upstream,
            RemoveClientKey(client_key_id=row.pk, digest=bytes(row.digest), label=row.display_name),
            actor,
            REASON,
        )
    )


def _adopt_client_key(upstream: Upstream, difference: Difference, actor: User | None) -> None:
    row = _client_key(upstream, difference)
    ClientKey.objects.filter(pk=row.pk).update(state=ClientKey.State.ACTIVE, revoked_at=None)
    trail.record(
        actor,
        "client_key.adopted",
        row.display_name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        actor_name="Tollgate",
    )


def _client_key(upstream: Upstream, difference: Difference) -> ClientKey:
    digest = bytes.fromhex(difference.id.rpartition(".")[2])
    if not ClientKey.objects.filter(upstream=upstream, digest=digest).exists():
        note_listed(upstream, listed_digests(client_for(upstream)))
    return ClientKey.objects.get(upstream=upstream, digest=digest)


def _restore_provider_key(upstream: Upstream, difference: Difference, actor: User | None) -> Intent:
    return provider_keys.restore(upstream, _row(upstream, difference), actor, REASON)


def _forget_provider_key(upstream: Upstream, difference: Difference, actor: User | None) -> None:
    provider_keys.forget(_row(upstream, difference), actor)


def _remove_provider_key(upstream: Upstream, difference: Difference, actor: User | None) -> Intent:
    family = FAMILIES[difference.id.split(".")[1]]
    listed = find_listed(
        listed_keys(upstream, client_for(upstream), [family]), difference.id.rpartition(".")[2]
    )
    if listed is None:
        raise ChangeRefused(gettext("the upstream does not list it any more"), "", "CONFLICT")
    return carry_out(
        submit(
            upstream, RemoveEntry(family_name=family.name, identity=listed.identity), actor, REASON
        )
    )


def _adopt_provider_key(upstream: Upstream, difference: Difference, actor: User | None) -> None:
    family = FAMILIES[difference.id.split(".")[1]]
    listed = find_listed(
        listed_keys(upstream, client_for(upstream), [family]), difference.id.rpartition(".")[2]
    )
    if listed is None:
        raise ChangeRefused(gettext("the upstream does not list it any more"), "", "CONFLICT")
    provider_keys.adopt(
        upstream,
        listed,
        actor,
        owner=listed.row.owner if listed.row else None,
        name=listed.row.name if listed.row else "",
    )


def _row(upstream: Upstream, difference: Difference) -> ProviderKey:
    _, family, digest = difference.id.split(".")
    return ProviderKey.objects.select_related("upstream").get(
        upstream=upstream, family=family, digest=bytes.fromhex(digest)
    )


Fix = Callable[[Upstream, Difference, User | None], Intent | None]
_ACTIONS: dict[tuple[str, str, str], Fix] = {
    ("client key", "only here", "here"): _restore_client_key,
    ("client key", "only here", "there"): _give_up_client_key,
    ("client key", "only there", "here"): _remove_client_key,
    ("client key", "only there", "there"): _adopt_client_key,
    ("provider key", "only here", "here"): _restore_provider_key,
    ("provider key", "only here", "there"): _forget_provider_key,
    ("provider key", "only there", "here"): _remove_provider_key,
    ("provider key", "only there", "there"): _adopt_provider_key,
    ("provider key", "different", "here"): _restore_provider_key,
    ("provider key", "different", "there"): _adopt_provider_key,
}


def forget_changes() -> int:
    """Empty the secrets of verified changes that had their time; how many."""
    old = Intent.objects.filter(
        state=Intent.State.VERIFIED, settled_at__lt=timezone.now() - KEPT_FOR
    ).exclude(change_encrypted=b"")
    return old.update(change_encrypted=b"")
