"""Whose the simulator's keys and accounts are, and how the accounts have fared."""

from datetime import datetime, timedelta
from typing import Any

import yaml
from django.contrib.auth.models import User

from config.stack.demonstration.people import left_at
from config.stack.simulated import HISTORY_DAYS, SEED
from management_proxy.models import Upstream
from management_proxy.simulator.accounts.troubles import TROUBLES, Trouble
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import client_keys, lived_in
from providers.accounts.auth_files import Health
from providers.digests import client_key_digest, last_four, provider_key_digest
from providers.keys.entries import identity_of
from providers.keys.families import FAMILIES
from providers.models import Account, AccountState, ClientKey, ProviderKey

# Name and owner of client keys, by the names that the simulator's keys contain; the others are not
# named yet, as in real life.
KEYS = {
    "alpha-1": ("Alice's laptop", "alice"),
    "beta-1": ("Bob's laptop", "bob"),
    "gamma-1": ("Carol's laptop", "carol"),
    "delta-1": ("Erin's editor", "erin"),
    "ci-1": ("CI pipeline", "ci"),
    "research-1": ("Research notebook", "dana"),
    "support-1": ("Support bot", "support-bot"),
    "mobile-1": ("Mobile app, staging", "frank"),
    "data-1": ("Nightly report", "report-bot"),
    "ops-1": ("On-call assistant", "grace"),
    "alpha-2": ("Alice's workstation", "alice"),
    "beta-2": ("Bob's editor", "bob"),
    "gamma-2": ("Code review", "review-bot"),
    "ci-2": ("CI releases", "ci"),
    "research-2": ("Dana's evaluation runs", "dana"),
    "support-2": ("Shared playground", ""),
    "data-2": ("Data import", "heidi"),
}
# What of them may use how much in a month; none of it is reached.
LIMITS = {"ci-1": {"monthly_tokens": 30_000_000}, "support-1": {"monthly_requests": 1_000}}
EXPIRING, EXPIRES_IN_DAYS = "mobile-1", 45
# The key of who has left, which the upstream lists no more.
REVOKED, REVOKED_NAME = "sk-epsilon-1-5b0c94f2d7a1e638", "Mallory's laptop"
# Name and owner of provider keys, by family and place in its list; the others are not managed.
PROVIDER_KEYS = {
    ("claude", 0): ("Anthropic, company plan", "grace"),
    ("codex", 0): ("OpenAI, pipelines", "ci"),
    ("gemini", 0): ("Google AI Studio, research", "dana"),
}


def store_keys(upstream: Upstream, users: dict[str, User], now: datetime) -> None:
    """All client keys, and the one that was revoked."""
    rows = [_row(upstream, key, users, now) for key in client_keys(Options().clients, SEED)]
    revoked = {"state": ClientKey.State.REVOKED, "revoked_at": left_at(now)}
    rows.append(_key(upstream, REVOKED, name=REVOKED_NAME, **revoked))
    ClientKey.objects.bulk_create(rows, ignore_conflicts=True)
    keys = ClientKey.objects.filter(upstream=upstream)
    keys.exclude(state=ClientKey.State.REVOKED).update(
        first_seen_at=now - timedelta(days=HISTORY_DAYS)
    )
    keys.filter(state=ClientKey.State.REVOKED).update(first_seen_at=now - timedelta(days=190))


def _row(upstream: Upstream, key: str, users: dict[str, User], now: datetime) -> ClientKey:
    known_by = "-".join(key.split("-")[1:3])
    name, owner = KEYS.get(known_by, ("", ""))
    return _key(
        upstream,
        key,
        name=name,
        owner=users.get(owner),
        state=ClientKey.State.ACTIVE if name else ClientKey.State.SEEN,
        expires_at=now + timedelta(days=EXPIRES_IN_DAYS) if known_by == EXPIRING else None,
        **LIMITS.get(known_by, {}),
    )


def _key(upstream: Upstream, key: str, **fields: Any) -> ClientKey:
    return ClientKey(
        upstream=upstream, digest=client_key_digest(key), last_four=last_four(key), **fields
    )


def store_provider_keys(upstream: Upstream, users: dict[str, User], now: datetime) -> None:
    """Those that are managed, as the upstream lists them."""
    listed = yaml.safe_load(lived_in(Options().clients, SEED).config)
    rows = []
    for (name, place), (called, owner) in PROVIDER_KEYS.items():
        family = FAMILIES[name]
        entry = listed[family.route][place]
        digest = provider_key_digest(family.route, identity_of(family, entry))
        row = ProviderKey(upstream=upstream, family=name, digest=digest, name=called)
        row.owner = users.get(owner)
        row.store_entry(entry)
        rows.append(row)
    ProviderKey.objects.bulk_create(rows, ignore_conflicts=True)
    keys = ProviderKey.objects.filter(upstream=upstream)
    keys.update(created_at=now - timedelta(days=90))


def store_accounts(upstream: Upstream, users: dict[str, User], now: datetime) -> None:
    """Those of people belong to them, the others are shared; since when each is as it is."""
    accounts, states = [], []
    troubles = {trouble.file: trouble for trouble in TROUBLES}
    preset = lived_in(Options().clients, SEED)
    for name, content in preset.auth_files:
        provider, _, rest = name.removesuffix(".json").partition("-")
        label = rest.partition("-")[0]
        about = {"upstream": upstream, "name": name, "provider": provider, "label": label}
        owner = users.get(label.split("@")[0])
        origin = Account.Origin.LOGIN if owner else Account.Origin.GRANT
        accounts.append(Account(**about, owner=owner, origin=origin))
        is_disabled = b'"disabled":true' in content
        health = _health(troubles.get(name), now, is_disabled=is_disabled)
        states.append(AccountState(**about, **health, read_at=now))
    Account.objects.bulk_create(accounts, ignore_conflicts=True)
    AccountState.objects.bulk_create(states, ignore_conflicts=True)


def _health(trouble: Trouble | None, now: datetime, *, is_disabled: bool) -> dict[str, Any]:
    if trouble is None:
        health = Health.DISABLED if is_disabled else Health.ACTIVE
        since = left_at(now) if is_disabled else now - timedelta(days=HISTORY_DAYS)
        return {"health": health, "is_refused": False, "since": since}
    return {
        "health": Health.FAILING if trouble.lasts is None else Health.COOLING,
        "is_refused": trouble.lasts is None,
        "since": now - timedelta(seconds=trouble.since),
    }
