"""Faults, one by one: each raises the alert that names it, which arrives at a local receiver and is
resolved after the fault is over. docs/runbook.md has the table."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

from management_proxy.client import usage as usage_client
from management_proxy.client.limits import Limits
from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import examine_all
from monitoring.alerts import outage, worker
from monitoring.alerts.delivery.attempts import deliver
from monitoring.alerts.delivery.outbox import claim_due
from monitoring.alerts.engine import database_now, evaluate
from monitoring.models import Alert, AlertMessage, AlertRule
from providers.accounts.states import keep_states
from tests.factories import give_key, make_event, make_upstream
from tests.monitoring.alerts.receiver import Receiver, make_channel, receiver
from usage.collector.collect import collect
from usage.models import CollectorRun
from usage.models.completeness import CompletenessInterval

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Site:
    """A simulated upstream, its collector, the evaluation of rules, and where alerts arrive."""

    simulator: RunningSimulator
    upstream: Upstream
    arrived: Receiver
    settings: object
    folder: Path
    ahead: float = 0.0
    collects: bool = True
    last: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return time.time() + self.ahead

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

    def account(self) -> str:
        state = self.simulator.app.state
        return str(state.directory.index(state.directory.all()[0]))


@pytest.fixture
def site(settings, tmp_path, monkeypatch) -> Iterator[Site]:
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(usage_client, "POP", Limits.of(0.5, total=1.0))
    # The disk of the machine that tests run on is its own affair.
    AlertRule.objects.filter(code="disk_full").update(is_enabled=False)
    with (
        running_simulator(statistics=True, retention=3600, reload_window=0.0) as simulator,
        receiver() as arrived,
    ):
        upstream = make_upstream(name="primary", management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        make_channel(arrived.url)
        yield Site(simulator, upstream, arrived, settings, tmp_path)


Step = Callable[[Site], None]


def hang(site: Site) -> None:
    site.fault("hang_before_headers", path="*usage-queue", seconds=2.0)


def storm(site: Site) -> None:
    site.events(40, failed=True, fail={"status_code": 503, "body": "upstream overloaded"})


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
    """What `usage/completeness` writes of one (tests/usage/completeness makes it see one)."""
    now = database_now()
    CompletenessInterval.objects.create(
        upstream=site.upstream,
        started_at=now - timedelta(minutes=2),
        ended_at=now - timedelta(minutes=1),
        counted=50,
        stored=10,
        missing=40,
        cause=CompletenessInterval.Cause.ANOTHER_CONSUMER,
    )


def account_result(status: int, body: str) -> Step:
    def note(site: Site) -> None:
        wanted = {"auth_index": site.account(), "model": "m", "status": status, "body": body}
        site.simulator.control("results", wanted)
        keep_states(site.upstream, client_for(site.upstream))

    return note


def restart(site: Site) -> None:
    site.simulator.control("restart", {})
    keep_states(site.upstream, client_for(site.upstream))


def slow(site: Site) -> None:
    site.events(40, latency_ms=95_000, ttft_ms=90_000)


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
class Fault:
    """What is broken, the rule that names it after so many seconds, and how it is fixed."""

    name: str
    code: str
    breaks: Step
    fixes: Step = nothing
    after: float = 0.0
    # When the window has moved on.
    over_after: float = 0.0


FAULTS = (
    Fault("hang", "collection_fails", hang, Site.heal, 90),
    Fault("5xx storm", "failures", storm, after=70, over_after=1000),
    Fault("ban", "address_banned", ban, lift_ban),
    Fault("wrong key", "key_rejected", wrong_key, right_key),
    Fault(
        "statistics off",
        "statistics_off",
        switch_statistics(on=False),
        switch_statistics(on=True),
    ),
    Fault("second consumer", "another_consumer", second_consumer, over_after=700),
    Fault(
        "expired account",
        "account_failing",
        account_result(401, '{"error":{"message":"token expired"}}'),
        restart,
        90,
    ),
    Fault(
        "cooldown",
        "account_cooling",
        account_result(429, '{"error":{"type":"usage_limit_reached","resets_in_seconds":7200}}'),
        restart,
        330,
    ),
    Fault("slow first token", "slow_first_token", slow, after=70, over_after=1000),
    Fault("full spool", "spool_refused", full_spool, free_spool),
    Fault("dead collector", "collector_stalled", kill_collector, start_collector, 50),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_raises_its_alert_which_is_resolved_afterwards(site: Site, fault: Fault):
    site.events(30)
    site.collect()
    keep_states(site.upstream, client_for(site.upstream))
    site.evaluate()
    assert site.arrived.titles("firing") == []  # quiet on a healthy system
    name = AlertRule.objects.get(code=fault.code).name
    fault.breaks(site)
    site.collect()
    for after in (0.0, fault.after):
        site.evaluate(after)
    assert any(name in title for title in site.arrived.titles("firing")), site.arrived.titles
    fault.fixes(site)
    site.collect()
    for after in (1.0, 1000.0):
        settle(site, fault.over_after, after)
    assert any(name in title for title in site.arrived.titles("resolved"))
    assert not Alert.objects.filter(rule__code=fault.code, state__in=Alert.OPEN).exists()


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


def test_a_stopped_database_is_announced_and_resolved(site: Site, monkeypatch):
    site.collect()
    evaluator = worker.Evaluator()
    evaluator.tick()
    clock = {"seconds": 0.0}
    monkeypatch.setattr(outage.time, "monotonic", lambda: time.perf_counter() + clock["seconds"])

    def stopped(*_: object) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as broken:
        broken.setattr(worker, "renew", stopped)
        evaluator.tick()
        assert site.arrived.bodies == []
        clock["seconds"] = 61.0
        evaluator.tick()
        evaluator.tick()
        until(lambda: site.arrived.titles("firing"))
    assert site.arrived.titles("firing") == ["[critical] Database unreachable"]
    assert "connection refused" in site.arrived.bodies[0]["text"]
    evaluator.tick()
    evaluator.rest()
    assert Alert.objects.get(rule__code="database_unreachable").state == "firing"
    site.evaluate(1000)
    assert "[resolved] Database unreachable" in site.arrived.titles("resolved")


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.05)
