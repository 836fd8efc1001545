"""Faults, one by one: each raises the alert that names it, which arrives at a local receiver and is
resolved after the fault is over; meanwhile the list of what is wrong, the Failures page, a line of
the log and a panel of the dashboard name it. docs/runbook.md has the table."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from config import embedded_postgres
from management_proxy.client import usage as usage_client
from management_proxy.client.limits import Limits
from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import examine_all
from monitoring.alerts.delivery.attempts import deliver
from monitoring.alerts.delivery.outbox import claim_due
from monitoring.alerts.engine import database_now, evaluate
from monitoring.models import Alert, AlertMessage, AlertRule
from providers.accounts.states import keep_states
from tests.crashing import nursery
from tests.deploy.prometheus import HAS_PROMETHEUS
from tests.factories import give_key, make_event, make_upstream, make_user
from tests.logged_lines import formatted
from tests.monitoring.alerts.receiver import Receiver, make_channel, receiver
from tests.processes import eventually, python
from tests.usage.alerts.panels import Panels, running_panels
from tests.usage.conftest import environment
from usage.collector.collect import collect
from usage.completeness import measure as completeness
from usage.failure_report.wrong_now import wrong_now
from usage.failures.guidance import guidance_of
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Clock:
    """The clock of the simulator and of the measurement of completeness."""

    ahead: float = 0.0

    def seconds(self) -> float:
        return time.time() + self.ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panels | None]:
    """One Prometheus for all faults; None where it is not installed."""
    if not HAS_PROMETHEUS:
        yield None
        return
    with running_panels(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@dataclass
class Site:
    """A simulated upstream, its collector, the evaluation of rules, and where alerts arrive."""

    simulator: RunningSimulator
    upstream: Upstream
    arrived: Receiver
    settings: object
    folder: Path
    clock: "Clock"
    panels: Panels | None
    collects: bool = True

    def collect(self) -> None:
        if self.collects:
            self.upstream.refresh_from_db()
            collect(self.upstream, CollectorRun.Trigger.LOOP)

    def evaluate(self, after: float = 0.0) -> None:
        """Evaluate as if so many seconds had passed, and send what is due."""
        evaluate(now=database_now() + timedelta(seconds=after))
        AlertMessage.objects.filter(state="waiting").update(due_at=database_now())
        while claims := claim_due():
            for claim in claims:
                assert deliver(claim).accepted

    def fault(self, kind: str, **fields: object) -> None:
        self.simulator.control("faults", {"kind": kind, "path": "*", "count": None, **fields})

    def heal(self) -> None:
        self.simulator.control("faults", method="DELETE")

    def events(self, count: int, **fields: object) -> None:
        now = datetime.now(UTC) - timedelta(seconds=30)
        events = [make_event(timestamp=now, **fields) for _ in range(count)]
        self.simulator.control("events", events)

    def serve(self, count: int) -> None:
        """Let clients be served: it took minutes, and has been over for one."""
        self.clock.ahead += 300
        self.simulator.app.generate(count, 0.0, None)
        self.clock.ahead += 70

    def measure(self) -> None:
        """Put the present metrics before Prometheus."""
        if self.panels:
            self.panels.take()

    def account(self) -> str:
        state = self.simulator.app.state
        return str(state.directory.index(state.directory.all()[0]))


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


Step = Callable[[Site], None]


def hang(site: Site) -> None:
    site.fault("hang_before_headers", path="*usage-queue", seconds=2.0)


def storm(site: Site) -> None:
    failed = {"failed": True, "fail": {"status_code": 503, "body": "upstream overloaded"}}
    site.events(10, **failed)
    site.collect()
    site.measure()  # a rate needs a value before
    site.events(30, **failed)


def ban(site: Site) -> None:
    body = '{"error":"IP banned due to too many failed attempts. Try again in 29m59s"}'
    site.fault("status", status=403, body=body)


def lift_ban(site: Site) -> None:
    site.heal()
    allow_access(site.upstream)


def wrong_key(site: Site) -> None:
    site.upstream.store_key("another-management-key")
    site.upstream.save()


def right_key(site: Site) -> None:
    site.upstream.refresh_from_db()
    site.upstream.store_key(site.simulator.key)
    site.upstream.save()
    allow_access(site.upstream)


def switch_statistics(*, on: bool) -> Step:
    def switch(site: Site) -> None:
        site.simulator.control("settings", {"statistics": on})
        examine_all()

    return switch


def second_consumer(site: Site) -> None:
    """Another dashboard with the same key, which pops half of what was served."""
    site.serve(40)
    site.collect()
    site.serve(60)
    queue = f"{site.simulator.management_url}/usage-queue"
    authorised = {"Authorization": f"Bearer {site.simulator.key}"}
    popped = httpx.get(queue, params={"count": 30}, headers=authorised).raise_for_status()
    assert len(popped.json()) == 30
    for _ in range(3):  # the interval is closed by the second poll after it
        site.collect()
        site.clock.ahead += 120


def account_result(status: int, body: str) -> Step:
    def note(site: Site) -> None:
        wanted = {"auth_index": site.account(), "model": "m", "status": status, "body": body}
        site.simulator.control("results", wanted)
        keep_states(site.upstream, client_for(site.upstream))
        site.events(6, failed=True, fail={"status_code": status, "body": body})

    return note


def restart(site: Site) -> None:
    site.simulator.control("restart", {})
    keep_states(site.upstream, client_for(site.upstream))


def slow(site: Site) -> None:
    site.events(10, latency_ms=95_000, ttft_ms=90_000)
    site.collect()
    site.measure()  # a rate needs a value before
    site.events(30, latency_ms=95_000, ttft_ms=90_000)


def full_spool(site: Site) -> None:
    blocked = site.folder / "blocked"
    blocked.write_text("")
    site.settings.SPOOL_DIR = blocked / "spool"


def free_spool(site: Site) -> None:
    site.settings.SPOOL_DIR = site.folder / "spool"


def kill_collector(site: Site) -> None:
    site.collects = False


def start_collector(site: Site) -> None:
    site.collects = True


def nothing(site: Site) -> None:
    """Time passes."""


@dataclass(frozen=True)
class Panel:
    """What a panel of the dashboard shows: a value in a range, under such labels."""

    title: str
    labels: dict[str, str]
    least: float = 1.0
    most: float = float("inf")


@dataclass(frozen=True)
class Fault:
    """What is broken, the rule that names it after so many seconds, and how it is fixed."""

    name: str
    code: str
    breaks: Step
    fixes: Step = nothing
    after: float = 0.0
    # When the window has moved on.
    over_after: float = 0.0
    # What shows it beside the alert: the class of failed attempts, a line of the log, a panel.
    failure_class: str = ""
    line: dict[str, object] = field(default_factory=dict)
    panel: Panel | None = None


RUN_FAILED = {"event": "collector.run_ended", "status": "failed"}
FAULTS = (
    Fault(
        "hang",
        "collection_fails",
        hang,
        Site.heal,
        90,
        line={**RUN_FAILED, "failure_class": "timeout"},
    ),
    Fault(
        "5xx storm",
        "failures",
        storm,
        after=70,
        over_after=1000,
        failure_class="overloaded",
        panel=Panel("Failures by class", {"failure_class": "overloaded"}, 0.001),
    ),
    Fault(
        "ban",
        "address_banned",
        ban,
        lift_ban,
        line=RUN_FAILED,
        panel=Panel("Access", {"state": "banned"}),
    ),
    Fault(
        "wrong key",
        "key_rejected",
        wrong_key,
        right_key,
        line=RUN_FAILED,
        panel=Panel("Access", {"state": "key_rejected"}),
    ),
    Fault(
        "statistics off",
        "statistics_off",
        switch_statistics(on=False),
        switch_statistics(on=True),
        panel=Panel("Findings of the doctor", {"level": "error"}),
    ),
    Fault(
        "second consumer",
        "another_consumer",
        second_consumer,
        over_after=2000,
        panel=Panel("Collected share, 7 days", {"upstream": "primary"}, 0.0, 0.9),
    ),
    Fault(
        "expired account",
        "account_failing",
        account_result(401, '{"error":{"message":"token expired"}}'),
        restart,
        90,
        failure_class="expired_token",
    ),
    Fault(
        "cooldown",
        "account_cooling",
        account_result(429, '{"error":{"type":"usage_limit_reached","resets_in_seconds":7200}}'),
        restart,
        330,
        failure_class="plan_limit",
    ),
    Fault(
        "slow first token",
        "slow_first_token",
        slow,
        after=70,
        over_after=1000,
        panel=Panel("First token, p95", {"model": "gpt-5.4"}, 60.0),
    ),
    Fault(
        "full spool",
        "spool_refused",
        full_spool,
        free_spool,
        panel=Panel("Findings of the doctor", {"level": "error"}),
    ),
    Fault("dead collector", "collector_stalled", kill_collector, start_collector, 50),
)


@pytest.mark.timeout(120)
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


@pytest.mark.timeout(180)
def test_a_stopped_database_is_announced_and_resolved(tmp_path: Path, panels: Panels | None):
    """A server of its own, stopped and started while a process evaluates on it."""
    home, file, log = tmp_path / "var", tmp_path / "noted.json", tmp_path / "evaluating"
    embedded_postgres.ensure_running(home)
    host = embedded_postgres.connection_settings(home)["HOST"]
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
