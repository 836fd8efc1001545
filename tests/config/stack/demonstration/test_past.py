"""What happened before a demonstration began agrees with its simulator and with our own rules."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone

from config.stack.demonstration.people import STAFF
from config.stack.demonstration.preparing import prepare
from config.stack.simulated import SEED, Identity
from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.simulator import Options, RunningSimulator, running_simulator
from management_proxy.simulator.accounts.troubles import TROUBLES
from management_proxy.simulator.presets import lived_in
from management_proxy.upstreams.clients import client_for
from monitoring.alerts.engine import evaluate
from monitoring.models import Alert, AuditEntry
from providers.accounts.changes import SetAccountFields, SwitchAccount
from providers.accounts.states import keep_states
from providers.configuration.changes import SetSwitch
from providers.drift.queries import compare
from providers.models import AccountState, Intent
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=SEED, preset=lived_in(seed=SEED)) as running:
        yield running


@pytest.fixture
def upstream(simulator: RunningSimulator, settings) -> Upstream:
    settings.MANAGEMENT_API_KEY = Options().key
    assert prepare(Identity(simulator.port, Options().key))
    return Upstream.objects.get()


def test_changes_settled_in_the_past_and_are_so_upstream(upstream: Upstream):
    intents = list(Intent.objects.order_by("pk"))
    instants = [intent.requested_at for intent in intents]
    assert len(intents) > 10
    assert instants == sorted(instants)
    assert {intent.state for intent in intents} == {"verified", "failed"}
    assert all(intent.settled_at < timezone.now() for intent in intents)
    entries = {entry.pk: entry for entry in AuditEntry.objects.all()}
    for intent in intents:
        entry = entries[intent.audit_entry]
        assert (entry.at, entry.actor, entry.target) == (
            intent.requested_at,
            intent.actor_name,
            intent.title,
        )
    _assert_so_upstream(client_for(upstream), intents)


def _assert_so_upstream(client: ManagementClient, intents: list[Intent]) -> None:
    kinds = {SwitchAccount.kind, SetAccountFields.kind}
    for intent in (one for one in intents if one.kind in kinds):
        name = intent.title.rpartition(" ")[2]
        change = (
            SwitchAccount(name=name, disabled=intent.after["disabled"])
            if intent.kind == SwitchAccount.kind
            else SetAccountFields(name=name, fields={"note": intent.after["note"]})
        )
        assert change.holds(change.resource.read(client)), intent.title
    for intent in (one for one in intents if one.kind == SetSwitch.kind):
        ((path, value),) = intent.after.items()
        change = SetSwitch(path=path, value=value)
        assert change.holds(change.resource.read(client)), intent.title


def test_what_is_managed_does_not_differ_from_the_upstream(upstream: Upstream):
    found = compare(upstream, client_for(upstream))
    assert {difference.kind for difference in found} == {"only there"}
    assert not [difference for difference in found if difference.detail]


def test_states_of_accounts_are_those_that_are_read(upstream: Upstream):
    known = {state.name: state for state in AccountState.objects.all()}
    read = keep_states(upstream, client_for(upstream))
    assert {state.name for state in read} == set(known)
    for state in read:
        before = known[state.name]
        assert (state.health, state.is_refused) == (before.health, before.is_refused), state.name
        assert state.since == before.since
    assert {state.health for state in read} == {"active", "cooling", "failing", "disabled"}


def test_alerts_are_over_or_continue(upstream: Upstream):
    keep_states(upstream, client_for(upstream))
    fires = Alert.objects.filter(state=Alert.State.FIRING)
    before = set(fires.values_list("pk", flat=True))
    assert len(before) == len(TROUBLES)
    for alert in Alert.objects.filter(state=Alert.State.RESOLVED):
        assert alert.pending_since <= alert.fired_at < alert.breached_at < alert.resolved_at
        assert alert.resolved_at < timezone.now()
        assert alert.detail == alert.details["en"]
    failed = Alert.objects.get(rule__code="collection_fails")
    assert failed.details["de"].startswith("Der letzte Lauf schlug fehl: keine Verbindung")
    evaluate()
    assert before <= set(fires.values_list("pk", flat=True))
    assert Alert.objects.filter(acknowledged_by=STAFF).count() == 3


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/monitoring/alerts/history/", "Claude fails"),
        ("/providers/changes/", "Mallory leaves"),
        ("/monitoring/audit/", "user.invited"),
    ],
)
def test_pages_show_it(upstream: Upstream, address: str, shown: str, client: Client):
    client.force_login(make_user("root", staff=True))
    page = client.get(address)
    assert page.status_code == 200
    assert shown in page.content.decode()
