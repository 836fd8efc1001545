"""What a demonstration has beside the simulated upstream: people, bots and a CI that own its client
keys and accounts, what they have set up, and what happened before.

Stored once, into a database without events and without any real upstream, so that nothing made up
ever lies beside something real. What happened before is stored as the rows that it would have left:
changes with their outcomes, alerts that are over, entries of the audit trail.
"""

from django.db import transaction
from django.utils import timezone

from config.stack.demonstration import arrangements
from config.stack.demonstration.belongings import (
    store_accounts,
    store_keys,
    store_provider_keys,
)
from config.stack.demonstration.past_acts import store_acts
from config.stack.demonstration.past_alerts import store_alerts
from config.stack.demonstration.past_changes import store_changes
from config.stack.demonstration.people import STAFF, store_users
from config.stack.simulated import Identity
from management_proxy.models import Upstream
from management_proxy.upstreams.registry import ENVIRONMENT_NAME
from monitoring.audit import trail


def prepare(identity: Identity) -> bool:
    """Store it, for the simulator of this identity; False if a real upstream is or was here."""
    if Upstream.with_removed.filter(is_simulated=False).exists():
        return False
    with transaction.atomic():
        now = timezone.now()
        upstream = _upstream(identity)
        users = store_users(now)
        store_keys(upstream, users, now)
        store_provider_keys(upstream, users, now)
        store_accounts(upstream, users, now)
        if not upstream.intents.exists():
            acts = [*store_changes(upstream, users, now), *store_alerts(upstream, now)]
            store_acts(acts, users, now)
        arrangements.prepare(users[STAFF], users["dana"], users["ci"])
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
