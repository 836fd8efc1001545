"""What the collector's soak finds in the database at its end, and whether it is as it must be."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.report import Row, table

if TYPE_CHECKING:
    from tests.bench.soak_upstreams import SoakedUpstream
    from usage.models.completeness import CompletenessInterval

# So many attempts of a stretch may be counted on one side of its edge and stored on the other.
EDGE = 5


def serve(upstream: "SoakedUpstream", spool: str) -> None:
    """Give the database the upstream; this process shares the collector's spool."""
    from django.conf import settings

    from management_proxy.models import Upstream

    settings.SPOOL_DIR = spool
    row = Upstream(name="soaked", management_url=upstream.url)
    row.store_key(upstream.key)
    row.save()


def stored() -> int:
    from usage.models import UsageEvent

    return UsageEvent.objects.count()


def is_sampled() -> bool:
    from usage.models.completeness import CounterSample

    return CounterSample.objects.exists()


def judged_until() -> float:
    """Until when everything that was counted is reconciled, as a timestamp."""
    from usage.models.completeness import CompletenessInterval

    newest = CompletenessInterval.objects.order_by("-ended_at").first()
    return newest.ended_at.timestamp() if newest else 0.0


def lease_holder() -> str:
    """Who holds the collect lease, or held it when it ran out; empty if it was given up."""
    from monitoring.models import Lease

    lease = Lease.objects.filter(name__startswith="collect:").first()
    return lease.holder if lease else ""


@dataclass
class Verdict:
    """Figures, details for people, and what is wrong."""

    rows: list[Row] = field(default_factory=list)
    details: str = ""
    wrong: list[str] = field(default_factory=list)

    def state(self, what: str, measured: object, must_be: object) -> None:
        """A figure that must have a value."""
        self.rows.append([what, measured, must_be])
        if measured != must_be:
            self.wrong.append(f"{what}: {measured}, must be {must_be}")


def judge(phases: list[list[object]], kills: int, deaths: Counter[str]) -> Verdict:
    """Everything at once."""
    verdict = Verdict()
    _judge_deaths(verdict, kills, deaths)
    unrecorded = _judge_phases(verdict, phases)
    _judge_intervals(verdict, unrecorded)
    _judge_doctor(verdict, unrecorded)
    return verdict


def _judge_deaths(verdict: Verdict, kills: int, deaths: Counter[str]) -> None:
    from usage.models import CollectorRun

    abandoned = CollectorRun.objects.filter(status="abandoned").values_list("holder", flat=True)
    verdict.rows.append(["kills (of them while it held the lease)", kills, deaths.total()])
    verdict.state("abandoned runs", len(abandoned), deaths.total())
    verdict.state("abandoned runs of the killed, each once", Counter(abandoned) == deaths, True)


def _judge_phases(verdict: Verdict, phases: list[list[object]]) -> int:
    """What clients and counters show, phase by phase; the attempts made without statistics."""
    unrecorded = 0
    for number, (name, counted, events) in enumerate(phases, 1):
        what = f"phase {number} ({name}): events stored"
        if name == "on":
            verdict.state(what, events, counted)
        else:
            verdict.rows.append([what, events, f"{counted} counted"])
        if str(name).startswith("statistics"):
            unrecorded = int(str(counted)) - int(str(events))
    return unrecorded


def _judge_intervals(verdict: Verdict, unrecorded: int) -> None:
    from usage.models.completeness import CompletenessInterval

    intervals = list(CompletenessInterval.objects.order_by("started_at"))
    rows = [_row(interval) for interval in intervals]
    head = ["stretch", "counted", "stored", "missing", "cause"]
    verdict.details += f"\n\n{table(head, rows)}"
    off = sum(i.missing for i in intervals if i.cause == "statistics_off")
    verdict.state("attempts called made without statistics", off, unrecorded)
    verdict.state("events called lost", sum(i.missing for i in intervals if i.is_loss), 0)
    verdict.state("stretches called a restart", sum(i.cause == "restarted" for i in intervals), 1)
    uneven = [
        i for i in intervals if i.cause == "" and (i.missing or abs(i.counted - i.stored) > EDGE)
    ]
    verdict.state("other stretches whose events are not as counted", len(uneven), 0)


def _row(interval: "CompletenessInterval") -> Row:
    return [
        f"{interval.started_at:%H:%M:%S} to {interval.ended_at:%H:%M:%S}",
        interval.counted,
        interval.stored,
        interval.missing,
        interval.get_cause_display(),
    ]


def _judge_doctor(verdict: Verdict, unrecorded: int) -> None:
    """Every line of its report, each by what is known of it here."""
    from monitoring import health

    health.examine()
    found = health.findings()
    lines: list[Row] = [[finding.level, finding.summary] for finding in found]
    verdict.details += f"\n\n{table(['level', 'the doctor at the end'], lines)}"
    worse = [f.summary for f in found if f.level in (health.Level.ERROR, health.Level.WARNING)]
    verdict.state("errors and warnings of the doctor", len(worse), 0)
    text = " ".join(finding.summary for finding in found)
    for words in (
        f"{unrecorded:,} attempts were made while usage statistics were switched off",
        "Collected 100 % of",
        f"{unrecorded:,} were made while usage statistics were off",
        "Usage statistics are switched on",
        "The spool is empty",
    ):
        verdict.state(f"the doctor reports “{words}”", words in text, True)
