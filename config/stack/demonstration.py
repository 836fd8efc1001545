"""What a demonstration has beside the simulated upstream: people, bots and a CI that own its client
keys and accounts, and what they have set up (`demonstration_usage.py`).

Stored once, into a database without events and without any real upstream, so that nothing made up
ever lies beside something real. None of the users can sign in: no password of theirs is known.
"""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from config.stack import demonstration_usage
from config.stack.simulated import HISTORY_DAYS, SEED, Identity
from management_proxy.models import Upstream
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import client_keys, demo
from management_proxy.upstreams.registry import ENVIRONMENT_NAME
from monitoring.audit import trail
from providers.digests import client_key_digest, last_four
from providers.models import Account, ClientKey

PEOPLE = ("alice", "bob", "carol", "dana", "erin", "frank", "grace", "heidi")
BOTS = ("ci", "report-bot", "review-bot", "support-bot")
# Of the people: who runs this. Beside them: who has a link to come in, and who has left.
STAFF, INVITED, LEFT = "grace", "ivan", "mallory"
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


def prepare(identity: Identity) -> bool:
    """Store it, for the simulator of this identity; False if a real upstream is or was here."""
    if Upstream.with_removed.filter(is_simulated=False).exists():
        return False
    with transaction.atomic():
        now = timezone.now()
        upstream = _upstream(identity)
        users = _users(now)
        _keys(upstream, users, now)
        _accounts(upstream, users)
        demonstration_usage.prepare(users[STAFF], users["dana"], users["ci"])
        trail.record(
            None,
            "demonstration.prepared",
            upstream.name,
            upstream=upstream.name,
            outcome=trail.Outcome.SUCCEEDED,
            actor_name="Tollgate",
        )
    return True


def _upstream(identity: Identity) -> Upstream:
    address = identity.environment()["CLIPROXYAPI_MANAGEMENT_URL"]
    upstream, _ = Upstream.objects.get_or_create(
        from_environment=True,
        defaults={
            "name": ENVIRONMENT_NAME,
            "management_url": address,
            "is_simulated": True,
        },
    )
    return upstream


def _users(now: datetime) -> dict[str, User]:
    """Those who own something, by name; those who exist already stay as they are."""
    # Deriving a hash takes long on purpose: one that no password fits serves all.
    password = make_password(secrets.token_urlsafe(32))
    users = [
        User(
            username=name,
            password=password,
            is_staff=name == STAFF,
            date_joined=now - timedelta(days=200 - 9 * number),
            last_login=now - timedelta(hours=3 + 7 * number) if name in PEOPLE else None,
        )
        for number, name in enumerate((*PEOPLE, *BOTS))
    ]
    left = User(username=LEFT, password=password, is_active=False)
    left.date_joined, left.last_login = now - timedelta(days=280), now - timedelta(days=42)
    invited = User(username=INVITED, password=make_password(None))
    User.objects.bulk_create([*users, left, invited], ignore_conflicts=True)
    return {user.username: user for user in User.objects.filter(username__in=(*PEOPLE, *BOTS))}


def _keys(upstream: Upstream, users: dict[str, User], now: datetime) -> None:
    rows = []
    for key in client_keys(Options().clients, SEED):
        known_by = "-".join(key.split("-")[1:3])
        name, owner = KEYS.get(known_by, ("", ""))
        expires = now + timedelta(days=EXPIRES_IN_DAYS) if known_by == EXPIRING else None
        rows.append(
            ClientKey(
                upstream=upstream,
                digest=client_key_digest(key),
                last_four=last_four(key),
                name=name,
                owner=users.get(owner),
                state=ClientKey.State.ACTIVE if name else ClientKey.State.SEEN,
                expires_at=expires,
                **LIMITS.get(known_by, {}),
            )
        )
    ClientKey.objects.bulk_create(rows, ignore_conflicts=True)
    begun = now - timedelta(days=HISTORY_DAYS)
    ClientKey.objects.filter(upstream=upstream).update(first_seen_at=begun)


def _accounts(upstream: Upstream, users: dict[str, User]) -> None:
    """Those of people belong to them; the others are shared."""
    rows = []
    for name, _ in demo(Options().clients, SEED).auth_files:
        provider, _, rest = name.removesuffix(".json").partition("-")
        email = rest.partition("-")[0]
        owner = users.get(email.split("@")[0])
        rows.append(
            Account(
                upstream=upstream,
                name=name,
                provider=provider,
                label=email,
                owner=owner,
                origin=Account.Origin.LOGIN if owner else Account.Origin.GRANT,
            )
        )
    Account.objects.bulk_create(rows, ignore_conflicts=True)
