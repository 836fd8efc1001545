"""Removing an upstream: what goes, what stays, and what prevents it."""

import json
import re
import threading

import pytest
from django.db import IntegrityError, transaction

from management_proxy.client.errors import KeyRejected
from management_proxy.models import ProxyTraffic, Upstream, UpstreamBreaker
from management_proxy.upstreams import removal
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.registry import (
    NoSuchUpstream,
    ensure_environment_upstream,
    find_upstream,
)
from monitoring import health
from monitoring.health import Level
from monitoring.models import AuditEntry
from providers.errors import ChangeRefused
from providers.funnel.writes import submit
from providers.models import Intent
from providers.models.configuration import ConfigurationVersion
from tests.concurrency import together
from tests.factories import make_event, make_upstream, make_user, store
from tests.providers.conftest import add_key
from usage.collector import spool
from usage.collector.loop import CollectorLoop
from usage.health.backlog import check_spool
from usage.models import CollectorRun, UsageEvent

pytestmark = pytest.mark.django_db
UPSTREAMS = "/admin/management_proxy/upstream/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def remove(upstream: Upstream) -> list[str]:
    return removal.remove(upstream, make_user())


def press(client, upstream: Upstream) -> str:
    return client.post(f"{UPSTREAMS}{upstream.pk}/delete/", follow=True).content.decode()


def test_removed_upstream_is_listed_and_served_nowhere(staff):
    upstream = make_upstream(name="old", version="7.2.140")
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at="2026-11-24T00:00:00Z",
        status="failed",
    )
    UpstreamBreaker.objects.create(upstream=upstream, state="open", until="2099-01-01T00:00:00Z")
    assert "The upstream old was removed" in press(staff, upstream)
    assert not any("old" in finding.subject for finding in health.findings())
    for page in (
        "/",
        UPSTREAMS,
        "/monitoring/",
        "/monitoring/doctor/",
        "/providers/keys/",
        "/tokens/",
    ):
        assert not re.search(r">\s*old\s*<", staff.get(page, follow=True).content.decode())
    with pytest.raises(NoSuchUpstream):
        find_upstream("old")
    with pytest.raises(NoSuchUpstream):
        find_upstream("old (removed)")
    assert staff.get("/api/management/@old/config").status_code == 404


def test_name_is_free_again_and_again():
    for _ in range(3):
        remove(make_upstream(name="relay"))
    assert sorted(Upstream.with_removed.values_list("name", flat=True)) == [
        "relay (removed 2)",
        "relay (removed 3)",
        "relay (removed)",
    ]


def test_key_and_whatever_holds_keys_is_erased():
    upstream = make_upstream()
    version = ConfigurationVersion(upstream=upstream, origin="found")
    version.store_text("secret-key: x")
    version.save()
    remove(upstream)
    assert not Upstream.with_removed.get().key_encrypted
    assert not ConfigurationVersion.objects.exists()


def test_who_still_holds_it_can_neither_call_nor_change_it():
    upstream = make_upstream()
    stale = Upstream.objects.get()
    change = add_key(upstream, "sk-new-key-000000001")
    remove(upstream)
    with pytest.raises(KeyRejected):
        client_for(stale)
    with pytest.raises(ChangeRefused, match="was removed"):
        submit(stale, change)
    stale.removed_at = upstream.removed_at
    with pytest.raises(IntegrityError, match="removed_upstream_is_inert"), transaction.atomic():
        stale.save()


def test_usage_stays_under_a_name_of_its_own(staff):
    upstream = make_upstream(name="relay")
    store(upstream, make_event())
    remove(upstream)
    store(make_upstream(name="relay"), make_event(request_id="another"))
    times = {"from": "2026-01-01", "to": "2026-12-31"}
    responses = {
        name: staff.get("/api/usage/summary", {**times, "upstream": name}).json()
        for name in ("relay", "relay (removed)")
    }
    assert [response["data"]["totals"]["attempts"] for response in responses.values()] == [1, 1], (
        responses
    )
    assert "relay (removed)" in staff.get("/usage/").content.decode()


def test_traffic_of_the_proxy_goes_with_it():
    zeros = dict.fromkeys(("calls", "attempts", "bytes_in", "bytes_out"), 0)
    ProxyTraffic.objects.create(
        started_at="2026-11-24T00:00:00Z",
        upstream="relay",
        route="r",
        method="GET",
        outcome="o",
        reason="",
        bins=[],
        counts=[],
        **zeros,
    )
    remove(make_upstream(name="relay"))
    assert ProxyTraffic.objects.get().upstream == "relay (removed)"


def test_upstream_that_the_environment_names_is_not_removed(staff, settings):
    settings.CLIPROXYAPI_MANAGEMENT_URL = "http://127.0.0.1:1/v0/management"
    upstream = ensure_environment_upstream()
    assert (
        "take CLIPROXYAPI_MANAGEMENT_URL away"
        in staff.get(f"{UPSTREAMS}{upstream.pk}/delete/").content.decode()
    )
    assert "was not removed" in press(staff, upstream)
    assert Upstream.objects.get().name == upstream.name
    settings.CLIPROXYAPI_MANAGEMENT_URL = ""
    assert "was removed" in press(staff, upstream)
    settings.CLIPROXYAPI_MANAGEMENT_URL = "http://127.0.0.1:2/v0/management"
    assert ensure_environment_upstream().name == upstream.name


def test_waiting_change_prevents_it(staff):
    upstream = make_upstream()
    submit(upstream, add_key(upstream, "sk-new-key-000000001"))
    assert "1 change is not settled yet" in press(staff, upstream)
    assert Upstream.objects.exists()
    Intent.objects.update(state="failed", settled_at="2026-11-24T00:00:00Z")
    assert "was removed" in press(staff, upstream)


def test_popped_page_that_is_not_stored_prevents_it():
    upstream = make_upstream()
    with spool.new_file(upstream.pk, 1) as file:
        file.write(b"[]")
        file.complete()
    assert remove(upstream) == [
        "1 popped page waits in the spool of this host: start a collector here, which stores it"
        " within seconds."
    ]


def popped_page(upstream: Upstream) -> None:
    """What a collector that died leaves."""
    with spool.new_file(upstream.pk, 1) as file:
        file.write(json.dumps([make_event()]).encode())
        file.complete()


@pytest.mark.django_db(transaction=True)
def test_page_of_a_collector_that_died_before_the_removal_is_reported_and_stored():
    upstream = make_upstream(name="relay")
    remove(upstream)
    popped_page(upstream)
    warnings = [finding for finding in check_spool() if finding.level == Level.WARNING]
    assert [(finding.subject, finding.summary) for finding in warnings] == [
        ("relay (removed)", "1 popped page waits in the spool of this host.")
    ]
    CollectorLoop(threading.Event(), 1.0).adjust()
    assert UsageEvent.objects.get().series.upstream_id == upstream.pk
    assert CollectorRun.objects.get().stored == 1
    assert [finding.level for finding in check_spool()] == [Level.OK]


@pytest.mark.django_db(transaction=True)
def test_page_of_a_paused_upstream_is_stored_by_a_collector_that_runs():
    upstream = make_upstream(is_enabled=False)
    popped_page(upstream)
    CollectorLoop(threading.Event(), 1.0).adjust()
    assert UsageEvent.objects.count() == 1


def test_page_of_an_upstream_that_the_database_does_not_know_is_reported_with_its_folder():
    popped_page(Upstream(pk=4711))
    steps = [finding.fix for finding in check_spool() if finding.level == Level.WARNING]
    assert len(steps) == 1
    assert str(spool.directory_of(4711)) in steps[0]


def test_removed_upstream_can_still_be_filtered_by_in_the_administration(staff):
    upstream = make_upstream(name="relay")
    store(upstream, make_event())
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at="2026-11-24T00:00:00Z",
        status="running",
    )
    remove(upstream)
    make_upstream()
    for path in (
        "usage/collectorrun",
        "usage/deadletter",
        "providers/clientkey",
        "providers/credential",
        "providers/intent",
    ):
        page = staff.get(f"/admin/{path}/?upstream__id__exact={upstream.pk}")
        assert page.status_code == 200
        assert "relay (removed)" in page.content.decode(), path


def test_change_page_says_remove_and_not_delete(staff):
    page = staff.get(f"{UPSTREAMS}{make_upstream().pk}/change/").content.decode()
    assert "Remove…" in page
    assert "deletelink" not in page


@pytest.mark.django_db(transaction=True)
def test_change_that_races_a_removal_is_refused_or_prevents_it():
    for _ in range(5):
        upstream, user = make_upstream(), make_user()
        change = add_key(upstream, "sk-new-key-000000001")

        def ask(upstream=upstream, change=change):
            try:
                submit(upstream, change)
            except ChangeRefused:
                return "refused"
            return "waits"

        def remove(upstream=upstream, user=user):
            return removal.remove(Upstream.objects.get(pk=upstream.pk), user)

        outcome, reasons = together(ask, remove)
        assert outcome == ("waits" if reasons else "refused")


def test_removals_and_refusals_are_audited(staff, settings):
    first, second = make_upstream(name="first"), make_upstream(name="second")
    submit(second, add_key(second, "sk-new-key-000000001"))
    press(staff, first)
    press(staff, second)
    entries = (
        AuditEntry.objects.filter(action="upstream.removed")
        .order_by("pk")
        .values_list("actor", "upstream", "outcome")
    )
    assert list(entries) == [("ada", "first", "succeeded"), ("ada", "second", "refused")]


def test_action_of_the_list_leads_to_the_question(staff):
    one, two = make_upstream(), make_upstream()
    confirmation = staff.post(UPSTREAMS, {"action": "remove", "_selected_action": [one.pk]})
    assert confirmation.url == f"{UPSTREAMS}{one.pk}/delete/"
    assert "Yes, remove" in staff.get(confirmation.url).content.decode()
    assert (
        "one at a time"
        in staff.post(
            UPSTREAMS, {"action": "remove", "_selected_action": [one.pk, two.pk]}, follow=True
        ).content.decode()
    )


def test_who_may_not_delete_may_not_remove(client):
    upstream = make_upstream()
    client.force_login(make_user("bob"))
    assert client.post(f"{UPSTREAMS}{upstream.pk}/delete/").status_code in (302, 403)
    assert Upstream.objects.exists()
