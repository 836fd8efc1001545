"""Drift is of three kinds and fixed in the direction chosen, item by item."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from management_proxy.client.lists import read_entries
from providers.client_keys.actions import create
from providers.drift.actions import fix, forget_changes, reconcile
from providers.drift.queries import check_drift, compare
from providers.funnel.writes import submit
from providers.gauges import change_gauges, drift_gauges
from providers.keys.actions import NewKey, add, family_of
from providers.models import ClientKey, DriftCheck, Intent, ProviderKey
from providers.upkeep import tend
from tests.factories import make_user
from tests.providers.conftest import add_key, foreign, keys_of
from tests.providers.keys.test_api import Caller

pytestmark = pytest.mark.django_db
KEY = "sk-ant-0123456789abcdef"


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture(autouse=True)
def bare(simulator):
    families = ("claude", "gemini", "codex", "xai", "vertex", "interactions")
    foreign(
        simulator,
        api_keys=["sk-first-of-the-simulator"],
        openai_compatibility=[],
        **{f"{name}_api_key": [] for name in families},
    )


@pytest.fixture
def managed(upstream, ada, bare):
    """One client key and one provider key of ours; the key that was there is adopted."""
    made = create(upstream, ada, owner=ada, name="Team A")
    fields = {"api-key": KEY, "prefix": "team"}
    add(upstream, NewKey(family_of("claude"), fields, owner=ada, name="Claude A"), ada)
    reconcile(upstream, direction="there")
    return made


def kinds(upstream, client):
    return {(d.kind, d.thing, d.label) for d in compare(upstream, client)}


def only(upstream, client):
    (difference,) = compare(upstream, client)
    return difference


def test_what_is_managed_and_listed_is_no_drift(upstream, client, managed):
    assert compare(upstream, client) == []


def test_what_others_changed_is_distinguished(upstream, client, simulator, managed):
    foreign(
        simulator,
        api_keys=["sk-first-of-the-simulator", "sk-made-by-somebody-else"],
        claude_api_key=[{"api-key": KEY, "prefix": "other"}],
    )
    assert kinds(upstream, client) == {
        ("only here", "client key", "Team A"),
        ("only there", "client key", "…else"),
        ("different", "provider key", "Claude A"),
    }


def test_a_lost_client_key_is_put_back_while_it_is_kept(upstream, client, simulator, managed, ada):
    foreign(simulator, api_keys=["sk-first-of-the-simulator"])
    assert fix(upstream, only(upstream, client), "here", ada).state == "verified"
    assert managed.key in keys_of(client)


def test_a_lost_client_key_that_is_forgotten_is_reported_as_such(
    upstream, client, simulator, managed
):
    Intent.objects.update(settled_at=timezone.now() - timedelta(days=2))
    assert forget_changes()
    foreign(simulator, api_keys=["sk-first-of-the-simulator"])
    difference = only(upstream, client)
    assert (difference.can_restore, "make another" in difference.detail) == (False, True)
    assert managed.key.encode() not in b"".join(
        bytes(i.change_encrypted) for i in Intent.objects.all()
    )


def test_a_lost_client_key_can_be_given_up(upstream, client, simulator, managed, ada):
    foreign(simulator, api_keys=["sk-first-of-the-simulator"])
    fix(upstream, only(upstream, client), "there", ada)
    assert ClientKey.objects.get(name="Team A").state == "revoked"
    assert compare(upstream, client) == []


def test_a_revoked_key_that_is_listed_again_is_reported(upstream, client, managed):
    ClientKey.objects.filter(name="Team A").update(state="revoked", revoked_at=timezone.now())
    assert only(upstream, client).detail == "revoked here, and listed again"


@pytest.mark.parametrize(("direction", "expected"), [("here", "team"), ("there", "other")])
def test_a_changed_provider_key_is_fixed_in_the_chosen_direction(
    upstream, client, simulator, managed, ada, direction, expected
):
    foreign(simulator, claude_api_key=[{"api-key": KEY, "prefix": "other"}])
    fix(upstream, only(upstream, client), direction, ada)
    assert read_entries(client, "claude-api-key")[0]["prefix"] == expected
    assert ProviderKey.objects.get().entry["prefix"] == expected
    assert compare(upstream, client) == []


def test_a_lost_provider_key_is_put_back_whole(upstream, client, simulator, managed, ada):
    foreign(simulator, claude_api_key=[])
    fix(upstream, only(upstream, client), "here", ada)
    (entry,) = read_entries(client, "claude-api-key")
    assert (entry["api-key"], entry["prefix"]) == (KEY, "team")


def test_strangers_are_removed_or_adopted(upstream, client, simulator, managed, ada):
    foreign(
        simulator,
        claude_api_key=[
            {"api-key": KEY, "prefix": "team"},
            {"api-key": "sk-ant-stranger-one"},
            {"api-key": "sk-ant-stranger-two"},
        ],
    )
    one, two = compare(upstream, client)
    fix(upstream, one, "here", ada)
    fix(upstream, two, "there", ada)
    assert len(read_entries(client, "claude-api-key")) == 2
    assert compare(upstream, client) == []


def test_reconcile_puts_back_losses_and_leaves_strangers_alone(
    upstream, client, simulator, managed
):
    foreign(
        simulator,
        api_keys=["sk-first-of-the-simulator", "sk-made-by-somebody-else"],
        claude_api_key=[],
    )
    outcome = reconcile(upstream)
    assert {d.kind for d in outcome.fixed} == {"only here"}
    assert [d.label for d in outcome.left] == ["…else"]
    assert {managed.key, "sk-made-by-somebody-else"} <= set(keys_of(client))


def test_the_command_reports_without_apply_and_fixes_with_it(upstream, simulator, managed):
    foreign(simulator, claude_api_key=[])
    output = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("reconcile_providers", stdout=output)
    assert (end.value.code, "only here\tprovider key\tClaude A\tada" in output.getvalue()) == (
        3,
        True,
    )
    call_command("reconcile_providers", "--apply", stdout=output)
    assert "1 fixed, 0 left" in output.getvalue()


def test_the_command_says_when_the_upstream_cannot_be_reached(upstream, managed):
    upstream.management_url = "http://127.0.0.1:9/v0/management"
    upstream.save()
    output = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("reconcile_providers", stderr=output)
    assert (end.value.code, "unreachable" in output.getvalue()) == (1, True)


def test_after_an_outage_it_is_compared_at_once(upstream, client, simulator, managed):
    address, upstream.management_url = upstream.management_url, "http://127.0.0.1:9/v0/management"
    upstream.save()
    assert check_drift(upstream).error
    foreign(simulator, claude_api_key=[])
    upstream.management_url = address
    upstream.save()
    tend([upstream])
    check = DriftCheck.objects.get()
    assert (check.error, [d["kind"] for d in check.differences]) == ("", ["only here"])


def test_the_api_reports_and_fixes_for_staff_only(upstream, client, simulator, managed, ada):
    foreign(simulator, claude_api_key=[])
    assert Caller(make_user("bob"))("GET", "/api/providers/drift").status_code == 403
    staff = Caller(ada)
    (difference,) = staff("GET", "/api/providers/drift").json()["data"]["differences"]
    assert (
        staff(
            "POST", "/api/providers/drift", {"difference": difference["id"], "direction": "up"}
        ).status_code
        == 400
    )
    assert (
        staff(
            "POST", "/api/providers/drift", {"difference": difference["id"], "direction": "here"}
        ).status_code
        == 200
    )
    assert (
        staff(
            "POST", "/api/providers/drift", {"difference": difference["id"], "direction": "here"}
        ).status_code
        == 409
    )
    assert compare(upstream, client) == []


def test_gauges_report_drift_and_what_waits(upstream, simulator, managed):
    foreign(simulator, claude_api_key=[])
    check_drift(upstream)
    submit(upstream, add_key(upstream, "sk-waits-for-its-turn-1"))
    samples = {
        (s.name, *s.labels.values()): s.value
        for metric in (*change_gauges(), *drift_gauges())
        for s in metric.samples
    }
    assert samples["providers_drift_differences", upstream.name, "only_here"] == 1
    assert samples["providers_changes_unsettled", upstream.name, "requested"] == 1
