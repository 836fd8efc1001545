"""Faults, one by one: each raises the alert that names it, which arrives at a local receiver and is
resolved after the fault is over; meanwhile the list of what is wrong, the Failures page, a line of
the log and a panel of the dashboard name it. docs/runbook.md has the table."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from html import unescape
from pathlib import Path

import psycopg
import pytest

from config import embedded_postgres
from config.schema import loading as schema
from management_proxy.client import usage as usage_client
from management_proxy.client.limits import Limits
from management_proxy.simulator import running_simulator
from management_proxy.upstreams.clients import client_for
from monitoring.alerts.engine import database_now
from monitoring.models import Alert, AlertRule
from providers.accounts.states import keep_states
from tests.crashing import nursery
from tests.deploy.prometheus import HAS_PROMETHEUS
from tests.factories import give_key, make_upstream, make_user
from tests.logged_lines import formatted
from tests.monitoring.alerts.receiver import make_channel, receiver
from tests.processes import eventually, python
from tests.usage.alerts.faults import FAULTS, Clock, Fault, Panel, Site
from tests.usage.alerts.panels import Panels, running_panels
from tests.usage.conftest import environment
from usage.completeness import measure as completeness
from usage.failure_report.wrong_now import wrong_now
from usage.failures.guidance import guidance_of
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panels | None]:
    """One Prometheus for all faults; None where it is not installed."""
    if not HAS_PROMETHEUS:
        yield None
        return
    with running_panels(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture
def site(settings, tmp_path, monkeypatch, panels) -> Iterator[Site]:
    clock = Clock()
    monkeypatch.setattr(completeness, "MEASURE_EVERY", timedelta(0))
    monkeypatch.setattr("usage.completeness.measure.timezone", clock)
    monkeypatch.setattr("management_proxy.upstreams.observation.timezone", clock)
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(usage_client, "POP", Limits.of(0.5, total=1.0))
    # The disk of the machine that tests run on is its own affair.
    AlertRule.objects.filter(code="disk_full").update(is_enabled=False)
    with (
        running_simulator(
            statistics=True, retention=3600, reload_window=0.0, clock=clock.seconds
        ) as simulator,
        receiver() as arrived,
    ):
        upstream = make_upstream(name="primary", management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        make_channel(arrived.url)
        yield Site(simulator, upstream, arrived, settings, tmp_path, clock, panels)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_raises_its_alert_which_is_resolved_afterwards(
    site: Site, fault: Fault, client, caplog
):
    caplog.set_level("INFO")
    site.events(30)
    site.collect()
    keep_states(site.upstream, client_for(site.upstream))
    site.evaluate()
    assert site.arrived.titles("firing") == []  # quiet on a healthy system
    site.measure()
    name = AlertRule.objects.get(code=fault.code).name
    fault.breaks(site)
    site.collect()
    for after in (0.0, fault.after):
        site.evaluate(after)
    assert any(name in title for title in site.arrived.titles("firing")), site.arrived.titles
    assert_pages_name(fault, name, client)
    assert_log_names(fault, caplog.records)
    assert_panels_name(fault, site)
    fault.fixes(site)
    site.collect()
    for after in (1.0, 1000.0):
        settle(site, fault.over_after, after)
    assert any(name in title for title in site.arrived.titles("resolved"))
    assert not Alert.objects.filter(rule__code=fault.code, state__in=Alert.OPEN).exists()
    if site.panels is None:
        pytest.skip("all but the panels, since Prometheus is not installed")


def assert_pages_name(fault: Fault, name: str, client) -> None:
    """What is wrong now, on the Overview and the Failures page, and the class of the failures."""
    staff = make_user(staff=True)
    wrong = wrong_now(staff)
    assert fault.code in {row.alert.rule.code for row in wrong.alerts if row.alert.rule}
    client.force_login(staff)
    for address in ("/", "/usage/failures/"):
        assert name in unescape(client.get(address).content.decode()), address
    if fault.failure_class:
        assert fault.failure_class in {cause.guidance.failure_class for cause in wrong.causes}
        page = unescape(client.get("/usage/failures/", {"range": "7d"}).content.decode())
        assert f"failure_class={fault.failure_class}" in page
        assert guidance_of(fault.failure_class).action in page


def assert_log_names(fault: Fault, records: list) -> None:
    """`jq 'select(.event == "alerts.changed" and .rule == "…")'`, and the fault's own line."""
    lines = [json.loads(formatted(record)) for record in records]

    def selected(wanted: dict[str, object]) -> list[dict[str, object]]:
        return [line for line in lines if wanted.items() <= line.items()]

    assert selected({"event": "alerts.changed", "rule": fault.code, "change": "fired"})
    assert not fault.line or selected(fault.line), fault.line


def assert_panels_name(fault: Fault, site: Site) -> None:
    """The panel of the alerts, and the fault's own one."""
    if site.panels is None:
        return
    site.measure()
    own = (fault.panel,) if fault.panel else ()
    for panel in (Panel("Alerts that fire", {"rule": fault.code}), *own):
        site.panels.await_sample(panel.title, panel.labels, panel.least, panel.most)


def settle(site: Site, over_after: float, after: float) -> None:
    """Collect and evaluate once more; everything but time is as it should be."""
    with suppress(OSError):
        site.collect()
    if not over_after:
        # A collector that is alive is so later as well.
        CollectorRun.objects.filter(status="succeeded").update(
            ended_at=database_now() + timedelta(seconds=after)
        )
    site.evaluate(over_after + after)


def test_a_stopped_database_is_announced_and_resolved(tmp_path: Path, panels: Panels | None):
    """A server of its own, stopped and started while a process evaluates on it."""
    home, file, log = tmp_path / "var", tmp_path / "noted.json", tmp_path / "evaluating"
    embedded_postgres.ensure_running(home)
    host = embedded_postgres.connection_settings(home)["HOST"]
    with psycopg.connect(f"host={host} user=postgres dbname=tollgate") as database:
        database.execute(schema.FILE.read_bytes())
    settings = environment(f"postgresql://postgres@:5432/{host}/tollgate")
    with nursery(settings, tmp_path / "log") as workers:
        assert workers.run("migrate") == 0

    def noted() -> dict:
        return json.loads(file.read_text()) if file.exists() else {}

    settings |= {"PRIVATE_PROVIDER_NETWORKS": "127.0.0.0/8", "LOG_FORMAT": "json"}
    command = ("-m", "tests.usage.alerts.evaluating")
    try:
        with receiver() as arrived, python(*command, arrived.url, str(file), str(log), **settings):
            eventually(lambda: noted().get("readyz") == 200, seconds=40)
            os.kill(embedded_postgres.server_pid(home), signal.SIGINT)
            eventually(lambda: arrived.titles("firing"), seconds=40)
            assert arrived.titles("firing") == ["[critical] Database unreachable"]
            eventually(lambda: noted()["readyz"] == 503)
            (finding,) = noted()["findings"]
            assert finding.startswith("The database is unreachable: ")
            if panels:
                panels.show(noted()["metrics"].encode())
                panels.await_sample("Metrics that cannot be read", {"source": "leases"}, 1.0, 1.0)
            embedded_postgres.ensure_running(home)
            eventually(lambda: arrived.titles("resolved"), seconds=40)
            assert arrived.titles("resolved") == ["[resolved] Database unreachable"]
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        assert any(line.get("event") == "alerts.outage_announced" for line in lines)
    finally:
        embedded_postgres.stop_if_unused(home)
