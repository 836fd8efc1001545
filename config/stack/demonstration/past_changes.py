"""Changes of the upstream that the people of a demonstration requested in the weeks before it
began. What they changed is so in the simulator (`management_proxy/simulator/presets.py`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from config.stack.demonstration.belongings import REVOKED
from config.stack.demonstration.past_acts import Act
from config.stack.demonstration.people import STAFF, left_at, on_day
from config.stack.simulated import SEED
from management_proxy.models import Upstream
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import client_keys
from monitoring.models import AuditEntry
from providers.accounts.changes import SetAccountFields, SwitchAccount
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.configuration.changes import SetSwitch
from providers.digests import client_key_digest
from providers.funnel.changes import Change, store_change
from providers.keys.changes import EditEntry
from providers.models import ClientKey, Intent

State = Intent.State
_MALLORYS = "claude-mallory@example.com.json"
_RELAYS_OLD, _RELAYS_NEW = "https://relay.example.com/openai/v1", "https://relay.example.com/v1"
# From the request to the reading back after the upstream's reload.
_TOOK = timedelta(seconds=2.4)


@dataclass(frozen=True)
class Past:
    """One change: when, who, what, and what it was before and afterwards."""

    at: datetime
    actor: str
    change: Change
    before: Any
    after: Any
    reason: str = ""
    # Why it was not carried out; what it named is what people read of it.
    error: str = ""
    attempts: int = 1


def store_changes(upstream: Upstream, users: dict[str, User], now: datetime) -> list[Act]:
    """Store them, oldest first; the acts that they were."""
    past = sorted(_all(upstream, now), key=lambda one: one.at)
    intents = [_intent(upstream, one, users) for one in past]
    Intent.objects.bulk_create(intents)
    for intent, one in zip(intents, past, strict=True):
        intent.requested_at = one.at
    Intent.objects.bulk_update(intents, ["requested_at"])
    return [_act(upstream, intent) for intent in intents]


def _intent(upstream: Upstream, one: Past, users: dict[str, User]) -> Intent:
    intent = Intent(
        upstream=upstream,
        reason=one.reason,
        state=State.FAILED if one.error else State.VERIFIED,
        actor=users.get(one.actor),
        actor_name=one.actor,
        before=one.before,
        after=one.after,
        error=one.error,
        attempts=one.attempts,
        token=None if one.error else 1,
        applied_at=None if one.error else one.at + _TOOK / 4,
        settled_at=one.at + _TOOK,
    )
    store_change(intent, one.change)
    # Like that of every change that is over for a while.
    intent.change_encrypted = b""
    return intent


def _act(upstream: Upstream, intent: Intent) -> Act:
    failed = intent.state == State.FAILED
    return Act(
        intent.requested_at,
        intent.actor_name,
        intent.kind,
        intent.title,
        AuditEntry.Outcome.FAILED if failed else AuditEntry.Outcome.SUCCEEDED,
        upstream.name,
        {
            "reason": intent.reason,
            "intent": intent.pk,
            "before": intent.before,
            "after": intent.after,
            "error": intent.error,
        },
        intent,
    )


def _all(upstream: Upstream, now: datetime) -> Iterator[Past]:
    yield from _of_who_left(upstream, left_at(now))
    yield from _of_keys(upstream, now)
    yield from _of_settings(now)
    yield from _of_the_relay(on_day(now, 9, "13:20:11"))
    bobs = "Bob's own plan: ask before sharing"
    for days, clock, actor, name, note in (
        (24, "10:02:37", "bob", "codex-bob@example.com-plus.json", bobs),
        (17, "16:44:05", STAFF, "antigravity-research@example.com.json", "Shared by research"),
        (17, "16:45:58", STAFF, "antigravity-support@example.com.json", "Shared by support"),
        (17, "16:47:21", STAFF, "kimi-lab@example.com.json", "Shared by everyone"),
    ):
        yield _noted(on_day(now, days, clock), actor, name, note)


def _noted(at: datetime, actor: str, name: str, note: str, **switch: bool) -> Past:
    change = SetAccountFields(name=name, fields={"note": note})
    before = {"disabled": False, **switch}
    return Past(at, actor, change, before, {**before, "note": note})


def _of_who_left(upstream: Upstream, at: datetime) -> Iterator[Past]:
    minute, why = timedelta(seconds=53), "Mallory leaves"
    switch = SwitchAccount(name=_MALLORYS, disabled=True)
    on, off = {"disabled": False}, {"disabled": True}
    yield Past(at, STAFF, switch, on, off, why)
    key = ClientKey.objects.get(upstream=upstream, digest=client_key_digest(REVOKED))
    change = RemoveClientKey(client_key_id=key.pk, digest=bytes(key.digest), label=key.display_name)
    before = {"keys": 18, "key": f"…{key.last_four}"}
    yield Past(at + minute, STAFF, change, before, {"keys": 17, "key": None}, why)
    note = "Mallory has left; paid to the end of the year"
    yield _noted(at + 3 * minute, STAFF, _MALLORYS, note, disabled=True)


def _of_keys(upstream: Upstream, now: datetime) -> Iterator[Past]:
    """The newest of the client keys, added before the first of their events."""
    texts = {client_key_digest(key): key for key in client_keys(Options().clients, SEED)}
    rows = {row.name: row for row in ClientKey.objects.filter(upstream=upstream)}
    added = (
        (on_day(now, 38, "09:51:33"), "heidi", "Data import", ""),
        (on_day(now, 34, "14:08:20"), STAFF, "CI releases", "Release pipeline"),
        (on_day(now, 31, "11:26:47"), "frank", "Mobile app, staging", ""),
    )
    for count, (at, actor, name, reason) in enumerate(added, len(texts) - len(added)):
        row = rows[name]
        change = AddClientKey(client_key_id=row.pk, key=texts[bytes(row.digest)], name=name)
        before = {"keys": count, "key": None}
        after = {"keys": count + 1, "key": f"…{row.last_four}"}
        yield Past(at, actor, change, before, after, reason)


def _of_settings(now: datetime) -> Iterator[Past]:
    for at, path, before, after, reason in (
        (on_day(now, 12, "15:37:26"), "request-retry", 0, 3, "Providers fail for seconds"),
        (on_day(now, 6, "09:14:52"), "error-logs-max-files", 10, 100, "Keep the failures of a day"),
    ):
        change = SetSwitch(path=path, value=after, opened=before)
        yield Past(at, STAFF, change, {path: before}, {path: after}, reason)


def _of_the_relay(at: datetime) -> Iterator[Past]:
    """Moved to another address; the first attempt met another change."""
    fields = {"base-url": _RELAYS_NEW}
    change = EditEntry(
        family_name="openai-compatibility",
        identity=("relay",),
        fields=fields,
        opened={"base-url": _RELAYS_OLD},
    )
    refused = "it was changed in the meantime; reload the page"
    yield Past(at, STAFF, change, None, None, error=refused, attempts=0)
    before, after = {"name": "relay", "base-url": _RELAYS_OLD}, {"name": "relay", **fields}
    yield Past(at + timedelta(seconds=42), STAFF, change, before, after, "The relay moved")
