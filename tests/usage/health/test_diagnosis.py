"""The doctor: each way in which events stay away is named, with the step that fixes it."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from management_proxy.models import Access, Upstream, UsageInterface
from management_proxy.simulator import running_simulator
from monitoring import health, leases
from monitoring.health import Level
from monitoring.models import AuditEntry
from tests.factories import give_key, make_event, make_upstream, make_user, store
from usage.collector import spool
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db


def summaries(level: Level) -> str:
    return " ".join(f.summary for f in health.findings() if f.level == level)


def well(**fields) -> Upstream:
    now = timezone.now()
    learnt = {
        "version": "7.2.140",
        "statistics_enabled": True,
        "retention_seconds": 3600,
        "observed_at": now,
        "clock_ahead_least": -0.5,
        "clock_ahead_most": 0.5,
    }
    upstream = make_upstream(**{**learnt, **fields})
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at=now,
        ended_at=now,
        status="succeeded",
    )
    return upstream


def test_nothing_is_wrong_with_a_well_upstream():
    well()
    assert health.troubles(health.findings()) == []


@pytest.mark.parametrize(
    ("fields", "level", "words"),
    [
        ({"statistics_enabled": False}, Level.ERROR, "switched off upstream"),
        (
            {"access": Access.KEY_REJECTED, "access_detail": "invalid management key"},
            Level.ERROR,
            "refused the management key",
        ),
        (
            {"access": Access.BANNED, "blocked_until": timezone.now() + timedelta(minutes=20)},
            Level.ERROR,
            "bans this address",
        ),
        (
            {"usage_interface": UsageInterface.AGGREGATES, "version": "6.8.0"},
            Level.ERROR,
            "CLIProxyAPI 6.8.0 is too old",
        ),
        (
            {"usage_interface": UsageInterface.RESP_ONLY, "version": "6.10.2"},
            Level.ERROR,
            "no HTTP route",
        ),
        ({"retention_seconds": 3}, Level.WARNING, "more than a third"),
        ({"retention_seconds": 60}, Level.NOTICE, "forgets events after 60 s"),
        ({"clock_ahead_least": 90.0, "clock_ahead_most": 91.0}, Level.WARNING, "ahead of ours"),
        ({"is_enabled": False}, Level.NOTICE, "paused"),
        ({"key_encrypted": b""}, Level.ERROR, "key cannot be used"),
    ],
)
def test_trouble_is_named(fields, level, words):
    upstream = well(**fields)
    Upstream.objects.filter(pk=upstream.pk).update(
        **{k: v for k, v in fields.items() if k == "key_encrypted"}
    )
    assert words in summaries(level)


def test_first_run_is_told_until_it_has_ended():
    upstream = well()
    CollectorRun.objects.update(status="running", ended_at=None)
    leases.acquire(upstream.collect_lease, 30)
    assert "The first run is in progress" in summaries(Level.NOTICE)
    CollectorRun.objects.update(status="succeeded", ended_at=timezone.now())
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=2,
        started_at=timezone.now(),
        status="running",
    )
    assert health.troubles(health.findings()) == []


def test_missing_collector_and_failed_run_are_told():
    upstream = well()
    CollectorRun.objects.update(
        started_at=timezone.now() - timedelta(hours=2), ended_at=timezone.now() - timedelta(hours=2)
    )
    assert "No collector has polled" in summaries(Level.ERROR)
    now = timezone.now()
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=2,
        started_at=now,
        ended_at=now,
        status="failed",
        error="cannot connect: refused",
    )
    assert "cannot connect: refused" in summaries(Level.ERROR)
    assert "No collector" not in summaries(Level.ERROR)


def test_push_that_has_fallen_back_to_pulling_is_told():
    upstream = well(collection_mode="push")
    now = timezone.now()
    CollectorRun.objects.update(started_at=now - timedelta(seconds=1))
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="push",
        holder="h",
        token=2,
        started_at=now - timedelta(seconds=9),
        ended_at=now,
        status="failed",
        error="cut off",
    )
    assert "pulled for now: cut off" in summaries(Level.NOTICE)
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="push",
        holder="h",
        token=3,
        started_at=now,
        ended_at=now,
        status="succeeded",
    )
    assert "Events are pushed" in summaries(Level.OK)


def test_lease_spool_and_dead_letters_are_told():
    upstream = well()
    leases.acquire(upstream.collect_lease, 30)
    (spool.directory_of(upstream.pk) / "20261120T100000.000000-aaaaaaaa.page").write_bytes(b"[]")
    store(upstream, "no object")
    found = health.findings()
    assert any("held by" in f.summary for f in found)
    assert any("1 popped page waits" in f.summary for f in found)
    assert any("1 dead letter could" in f.summary for f in found)


def test_collector_is_not_said_to_work_under_a_lease_that_is_free():
    upstream = well()
    [polled] = [f.summary for f in health.findings() if "lease" in f.summary]
    assert polled.startswith("The queue was last polled 0 s ago;")
    assert "free" not in polled
    leases.acquire(upstream.collect_lease, 30)
    [held] = [f.summary for f in health.findings() if "lease" in f.summary]
    assert held == f"The collect lease is held by {leases.holder_name()}."


def test_unwritable_spool_is_told(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.SPOOL_DIR = tmp_path / "file"
    assert "spool cannot be written" in summaries(Level.ERROR)


def test_no_upstream_is_told():
    assert "No upstream is configured" in summaries(Level.ERROR)


@pytest.fixture
def simulated():
    with running_simulator(
        key="the-right-management-key", retention=3600, statistics=False
    ) as simulator:
        upstream = make_upstream(management_url=simulator.management_url, usage_interface="")
        give_key(upstream, simulator.key)
        upstream.save()
        yield simulator, upstream


def test_doctor_asks_once_and_tells_what_the_upstream_said(simulated, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (ended.value.code, report["level"]) == (2, "error")
    summaries = " ".join(f["summary"] for f in report["findings"])
    assert "Usage statistics are switched off" in summaries
    assert "has the usage queue" in summaries
    assert "the-right-management-key" not in json.dumps(report)


def test_wrong_key_is_tried_with_one_request_and_never_again(simulated):
    simulator, upstream = simulated
    upstream.store_key("a-wrong-management-key")
    upstream.save()
    for _ in range(3):
        health.examine()
    assert simulator.control("state")["failed_logins"] == 1
    assert "refused the management key" in summaries(Level.ERROR)


def test_button_switches_statistics_on_and_is_audited(simulated, client):
    _, upstream = simulated
    client.force_login(make_user("ada", staff=True))
    client.post(f"/monitoring/upstreams/{upstream.pk}/statistics-on/", {"next": "/usage/"})
    upstream.refresh_from_db()
    assert upstream.statistics_enabled
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.outcome) == (
        "ada",
        "configuration.switched",
        "succeeded",
    )


def test_buttons_are_for_staff(simulated, client):
    client.force_login(make_user("bob"))
    for name in ("statistics-on", "let-in"):
        assert client.post(f"/monitoring/upstreams/{simulated[1].pk}/{name}/").status_code == 403


def test_fixed_key_is_tried_once_when_callers_are_let_in(simulated, client):
    _, upstream = simulated
    upstream.access = Access.KEY_REJECTED
    upstream.save()
    client.force_login(make_user("ada", staff=True))
    page = client.post(
        f"/monitoring/upstreams/{upstream.pk}/let-in/",
        {"next": "https://elsewhere.test/"},
        follow=True,
    )
    assert page.redirect_chain[0][0] == "/monitoring/doctor/"
    assert "collection continues" in page.content.decode()


def test_address_of_something_else_is_recognised(settings, live_server):
    upstream = make_upstream(management_url=f"{live_server.url}/v0/management", usage_interface="")
    health.examine()
    upstream.refresh_from_db()
    assert "not CLIProxyAPI" in upstream.examination_error


@pytest.mark.parametrize("path", ["/usage/", "/monitoring/", "/monitoring/doctor/"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"statistics_enabled": False}, "Switch statistics on"),
        (
            {"access": Access.KEY_REJECTED, "access_detail": "invalid management key"},
            "Restore access",
        ),
    ],
)
def test_operator_is_told_on_the_page_he_is_looking_at(client, path, fields, words):
    well(**fields)
    client.force_login(make_user("ada", staff=True))
    page = client.get(path).content.decode()
    assert words in page
    assert "/monitoring/doctor/" in page


def test_usage_page_with_figures_also_tells_of_errors(client):
    upstream = well(statistics_enabled=False)
    store(upstream, make_event(timestamp=timezone.now()))
    client.force_login(make_user("ada", staff=True))
    assert "switched off upstream" in client.get("/usage/").content.decode()
    client.force_login(make_user("bob"))
    assert "switched off upstream" not in client.get("/usage/").content.decode()


def test_report_can_be_copied_without_secrets(client, settings):
    settings.MANAGEMENT_API_KEY = "very-secret-management-key"
    well(
        examination_error="401 for very-secret-management-key",
        examined_at=timezone.now() + timedelta(seconds=5),
    )
    client.force_login(make_user("ada", staff=True))
    page = client.get("/monitoring/doctor/").content.decode()
    report = page.split('id="report"')[1].split("</pre>")[0]
    assert "The last attempt failed: 401 for [masked]" in report
    assert "very-secret" not in report
