"""The faults of the exercise: what breaks each of them, what fixes it, and what names it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import examine_all
from monitoring.alerts.delivery.attempts import deliver
from monitoring.alerts.delivery.outbox import claim_due
from monitoring.alerts.engine import database_now, evaluate
from monitoring.models import AlertMessage
from providers.accounts.states import keep_states
from tests.factories import make_event
from tests.monitoring.alerts.receiver import Receiver
from tests.usage.alerts.panels import Panels
from usage.collector.collect import collect
from usage.models import CollectorRun


@dataclass
class Clock:
    """The clock of the simulator and of the measurement of completeness."""

    ahead: float = 0.0

    def seconds(self) -> float:
        return time.time() + self.ahead

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


@dataclass
class Site:
    """A simulated upstream, its collector, the evaluation of rules, and where alerts arrive."""

    simulator: RunningSimulator
    upstream: Upstream
    arrived: Receiver
    settings: Any
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
    line: Mapping[str, str] = field(default_factory=dict)
    panel: Panel | None = None


RUN_FAILED = {"event": "collector.run_ended", "status": "failed"}
RUN_TIMED_OUT = {**RUN_FAILED, "failure_class": "timeout"}
FAULTS = (
    Fault("hang", "collection_fails", hang, Site.heal, 90, line=RUN_TIMED_OUT),
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
