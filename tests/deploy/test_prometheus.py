"""What is shipped for Prometheus and Grafana, against a running Tollgate and a real Prometheus."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from math import isnan
from pathlib import Path

import httpx
import pytest
import yaml
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from monitoring.metrics.registry import exposition
from monitoring.metrics.shared import flush
from monitoring.models import PeriodicTask
from providers.models import AccountState, DriftCheck
from tests.deploy.prometheus import (
    DASHBOARD,
    PROMETHEUS,
    TOKEN,
    needs_prometheus,
    running_prometheus,
    values_of,
)
from tests.docs import ROOT
from tests.management_proxy.proxied import browser, upstream_of
from tests.processes import eventually
from tests.web_server import WebServer, web_server
from usage.collector.collect import collect
from usage.models import CollectorRun
from usage.models.completeness import CompletenessInterval

RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
MOST_SERIES = 5000


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_rules_are_valid():
    promtool("check", "rules", "alerts.yml", "recording.yml")


@needs_prometheus
def test_each_alert_fires_in_its_case_and_none_on_a_healthy_system():
    promtool("test", "rules", "alerts.test.yml")
    tested = {case["name"] for case in _cases()}
    assert {rule["alert"] for rule in RULES} <= tested


def _cases() -> list[dict]:
    return yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]


def test_each_alert_leads_to_its_section_of_the_runbook():
    runbook = (ROOT / "docs/runbook.md").read_text()
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in runbook


@pytest.fixture
def upstream_and_simulator(transactional_db) -> Iterator[tuple[Upstream, RunningSimulator]]:
    with running_simulator(key="management-key-for-tests", statistics=True) as simulator:
        yield upstream_of(simulator, "east"), simulator


def leave_rows(upstream: Upstream) -> None:
    """What elsewhere only hours bring about."""
    now = timezone.now()
    CompletenessInterval.objects.create(
        upstream=upstream,
        started_at=now - timedelta(hours=1),
        ended_at=now,
        counted=10,
        stored=10,
        missing=0,
        cause=CompletenessInterval.Cause.NONE,
        accounts={},
    )
    DriftCheck.objects.create(upstream=upstream, checked_at=now, differences=[])
    PeriodicTask.objects.create(name="compare rollups")
    AccountState.objects.create(
        upstream=upstream,
        name="codex-a.json",
        provider="codex",
        health="active",
        is_refused=False,
        since=now,
        plan_until=now + timedelta(days=9),
        read_at=now,
    )


def live(server: WebServer, upstream: Upstream, simulator: RunningSimulator) -> None:
    """A moment in the life of an installation."""
    simulator.control("generate", {"events": 60, "spread": 1})
    collect(upstream, CollectorRun.Trigger.COMMAND)
    flush()
    days = f"from={timezone.now():%Y-%m-%d}&to={timezone.now():%Y-%m-%d}"
    with browser(server) as staff:
        for path in (f"summary?{days}", f"summary?{days}", f"events?{days}"):
            staff.get(f"{server.url}/api/usage/{path}").raise_for_status()
        staff.get(f"{server.url}/monitoring/", headers={"HX-Request": "true"}).raise_for_status()
        staff.get("config").raise_for_status()
        staff.put("usage-statistics-enabled", json={"value": True}).raise_for_status()


def empty_panels(prometheus: str) -> list[str]:
    return [
        panel["title"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
        if all(map(isnan, values_of(prometheus, target["expr"])))
    ]


def scrape(server: WebServer) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{server.url}/metrics", headers=headers, timeout=30).raise_for_status().text


def families(text: str) -> dict[str, str]:
    """Types of metrics by name, without those of Python's own collectors."""
    return {
        family.name: family.type
        for family in text_string_to_metric_families(text)
        if not family.name.startswith(("python_", "process_"))
        and not family.name.endswith("_created")
    }


def documented() -> dict[str, str]:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    return dict(rows)


@needs_prometheus
def test_no_panel_is_without_data_and_every_metric_is_documented(
    upstream_and_simulator, tmp_path: Path
):
    upstream, simulator = upstream_and_simulator
    leave_rows(upstream)
    with (
        web_server(tmp_path, METRICS_TOKEN=TOKEN) as server,
        running_prometheus(tmp_path, f"127.0.0.1:{server.port}") as prometheus,
    ):
        live(server, upstream, simulator)

        def has_data() -> bool:
            live(server, upstream, simulator)
            time.sleep(1)  # the pace of the scrapes
            return values_of(prometheus, "up") == [1.0] and empty_panels(prometheus) == []

        try:
            eventually(has_data, seconds=90)
        except AssertionError:
            pytest.fail(f"without data: {empty_panels(prometheus)}\n{server.log()[-2000:]}")
        shown = scrape(server)
    assert shown.count("\n") < MOST_SERIES
    assert upstream.name in shown
    assert simulator.key not in shown
    live_families = families(shown)
    assert {n: t for n, t in live_families.items() if documented().get(n) != t} == {}
    assert documented().keys() <= live_families.keys() | families(exposition().decode()).keys()
