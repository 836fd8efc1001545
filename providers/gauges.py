"""Gauges of changes, drift and accounts, read from the database: the same whichever process changes
something."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from management_proxy.models import Upstream
from providers.accounts.auth_files import Health
from providers.models import AccountState, DriftCheck, Intent

# The provider refuses the login: no health of the upstream's, but what must be acted on.
REFUSED = "refused"


def change_gauges() -> Iterator[Metric]:
    """Changes that are not settled, by state, and how long the oldest has waited."""
    waiting = GaugeMetricFamily(
        "providers_changes_unsettled",
        "Changes whose outcome is not certain yet.",
        labels=["upstream", "state"],
    )
    oldest = GaugeMetricFamily(
        "providers_change_oldest_seconds",
        "Age of the oldest of them; 0 without any.",
        labels=["upstream"],
    )
    unsettled = list(
        Intent.objects.filter(state__in=Intent.UNSETTLED).values_list(
            "upstream_id", "state", "requested_at"
        )
    )
    counts = Counter((upstream_id, state) for upstream_id, state, _ in unsettled)
    for upstream in Upstream.objects.filter(is_enabled=True):
        for state in Intent.UNSETTLED:
            waiting.add_metric([upstream.name, state.value], counts[upstream.pk, state])
        ages = [
            (timezone.now() - requested_at).total_seconds()
            for upstream_id, _, requested_at in unsettled
            if upstream_id == upstream.pk
        ]
        oldest.add_metric([upstream.name], max(ages, default=0.0))
    yield from (waiting, oldest)


def drift_gauges() -> Iterator[Metric]:
    """Differences that the last comparison found, and when it was made."""
    differences = GaugeMetricFamily(
        "providers_drift_differences",
        "Differences with the upstream, by kind.",
        labels=["upstream", "kind"],
    )
    compared = GaugeMetricFamily(
        "providers_drift_compared_timestamp_seconds",
        "When the comparison was made.",
        labels=["upstream"],
    )
    for check in DriftCheck.objects.select_related("upstream"):
        counts = Counter(difference["kind"] for difference in check.differences)
        for kind in ("only here", "different", "only there"):
            differences.add_metric([check.upstream.name, kind.replace(" ", "_")], counts[kind])
        compared.add_metric([check.upstream.name], check.checked_at.timestamp())
    yield from (differences, compared)


def account_gauges() -> Iterator[Metric]:
    """Accounts by health, and the nearest end of a plan, which is the only end that the upstream
    shows; by upstream and provider, as they were last read."""
    health = GaugeMetricFamily(
        "providers_accounts",
        "OAuth accounts, by how they fare; refused if the provider refuses the login.",
        labels=["upstream", "provider", "health"],
    )
    expiry = GaugeMetricFamily(
        "providers_account_expiry_seconds",
        "Until the next of the plans ends; negative once it has.",
        labels=["upstream", "provider"],
    )
    accounts: dict[tuple[str, str], list[AccountState]] = defaultdict(list)
    for state in AccountState.objects.filter(upstream__is_enabled=True).select_related("upstream"):
        accounts[state.upstream.name, state.provider].append(state)
    for labels, states in sorted(accounts.items()):
        counts = Counter(REFUSED if s.is_refused else s.health for s in states)
        for word in (*Health.values, REFUSED):
            health.add_metric([*labels, word], counts[word])
        if ends := [s.plan_until for s in states if s.plan_until]:
            expiry.add_metric(labels, (min(ends) - timezone.now()).total_seconds())
    yield from (health, expiry)
