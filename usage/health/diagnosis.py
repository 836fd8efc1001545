"""What the doctor knows of collection: every way in which an upstream's events stay away, and the
step that mends it.

The checks read rows and the spool of this host; they ask no upstream. Facts of the upstream:
contract 1.3 to 1.5 (access), 2.2 and 2.3 (switch, retention), 3 (versions).
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from management_proxy.encryption import UndecryptableError
from management_proxy.models import Access, CollectionMode, Upstream, UsageInterface
from monitoring.health import Action, Finding, Level
from monitoring.templatetags.figures import collected_share
from usage.collector import spool_health
from usage.collector.cadence import longest_wait
from usage.collector.status import UpstreamState, upstream_states
from usage.completeness.report import completeness, lost_recently, sentence
from usage.models import CollectorRun, DeadLetter
from usage.models.completeness import CompletenessInterval

Status = CollectorRun.Status
Judgement = Callable[[UpstreamState], Finding | None]

# Clocks further apart than this put events into the wrong minutes.
CLOCK_TOLERANCE_SECONDS = 5.0
# Below this retention, a short outage of the collector already loses events.
COMFORTABLE_RETENTION_SECONDS = 600
# No look at the queue for this long, or half the retention, means that no collector runs.
SILENCE_SECONDS = 60.0


def check_upstreams() -> Iterator[Finding]:
    """Every enabled or paused upstream, judged in all respects."""
    states = upstream_states()
    if not states:
        yield Finding(
            Level.ERROR,
            "No upstream is configured.",
            "There is nothing to collect from.",
            "Set CLIPROXYAPI_MANAGEMENT_URL and MANAGEMENT_API_KEY and start again, or add an"
            " upstream.",
            action=Action("Add an upstream", "admin:management_proxy_upstream_add", is_link=True),
        )
    for state in states:
        judgements = JUDGEMENTS if state.upstream.is_enabled else (judge_pause, judge_spool)
        yield from (finding for judge in judgements if (finding := judge(state)))


def judge_pause(state: UpstreamState) -> Finding | None:
    """A paused upstream is not collected from."""
    if state.upstream.is_enabled:
        return None
    return Finding(
        Level.NOTICE,
        "Collection is paused.",
        "The upstream forgets events after its retention.",
        "Resume it in the administration.",
        subject=state.upstream.name,
        action=settings_of(state.upstream),
    )


def settings_of(upstream: Upstream) -> Action:
    """The link to the upstream's settings."""
    return Action(
        "Settings", "admin:management_proxy_upstream_change", (upstream.pk,), is_link=True
    )


def judge_access(state: UpstreamState) -> Finding | None:
    """Whether the upstream accepts our key, from what it last said; it is not asked again."""
    upstream = state.upstream
    if upstream.access == Access.KEY_REJECTED:
        where = (
            "Correct MANAGEMENT_API_KEY and restart"
            if upstream.from_environment
            else "Enter the right key in its settings"
        )
        return Finding(
            Level.ERROR,
            f"The upstream refused the management key ({upstream.access_detail}).",
            "Everything has stopped: five wrong keys would ban this address for 30 minutes.",
            f"{where}, then let callers in again.",
            subject=upstream.name,
            action=Action("Let callers in again", "upstreams:let-in", (upstream.pk,)),
        )
    if (
        upstream.access == Access.BANNED
        and upstream.blocked_until
        and upstream.blocked_until > timezone.now()
    ):
        return Finding(
            Level.ERROR,
            "The upstream bans this address until"
            f" {timezone.localtime(upstream.blocked_until):%H:%M:%S}.",
            "Five requests with a wrong or no key came from here. What its retention does not cover"
            " is lost.",
            "Find what sent them (another dashboard, a probe without a key). Collection resumes by"
            " itself; restarting the upstream lifts the ban.",
            subject=upstream.name,
        )
    if not _has_key(upstream):
        return Finding(
            Level.ERROR,
            "The management key cannot be used: it is missing, or no encryption key fits it.",
            "No request is sent without a key.",
            "Put the secret that wrote it back at the end of ENCRYPTION_KEYS, or enter the key"
            " again in its settings.",
            subject=upstream.name,
            action=settings_of(upstream),
        )
    return (
        Finding(Level.OK, "The upstream accepts the management key.", subject=upstream.name)
        if upstream.observed_at
        else None
    )


def _has_key(upstream: Upstream) -> bool:
    try:
        return bool(
            settings.MANAGEMENT_API_KEY if upstream.from_environment else upstream.stored_key
        )
    except UndecryptableError:
        return False


def judge_reach(state: UpstreamState) -> Finding | None:
    """Whether it answers: the doctor's last question, or the last run if that is newer."""
    upstream, run = state.upstream, state.last_run
    error = upstream.examination_error
    ended = run.ended_at if run else None
    if run and ended and (upstream.examined_at is None or ended > upstream.examined_at):
        error = run.error if run.status == Status.FAILED else ""
    if upstream.access != Access.OPEN or not (error or upstream.observed_at):
        return None
    if not error:
        return Finding(Level.OK, "The upstream answers.", subject=upstream.name)
    return Finding(
        Level.ERROR,
        f"The last attempt failed: {error}",
        "What is not collected within the upstream's retention is lost.",
        f"Check that the upstream runs, that {upstream.management_url} is its address, and the"
        " network in between.",
        subject=upstream.name,
        action=settings_of(upstream),
    )


def judge_interface(state: UpstreamState) -> Finding | None:
    """Whether its version offers the usage queue."""
    upstream = state.upstream
    version = f"CLIProxyAPI {upstream.version}" if upstream.version else "This CLIProxyAPI"
    if upstream.usage_interface == UsageInterface.QUEUE:
        return Finding(Level.OK, f"{version} has the usage queue.", subject=upstream.name)
    if upstream.usage_interface == UsageInterface.UNKNOWN:
        return None
    has = (
        "only sums of usage"
        if upstream.usage_interface == UsageInterface.AGGREGATES
        else "no HTTP route to its usage queue"
    )
    return Finding(
        Level.ERROR,
        f"{version} is too old: it has {has}.",
        "Single events cannot be collected from it.",
        "Upgrade it to 6.10.8 or newer; 7.2.97 or newer reports tokens in full.",
        subject=upstream.name,
    )


def judge_statistics(state: UpstreamState) -> Finding | None:
    """The switch that decides whether events reach the queue at all."""
    upstream = state.upstream
    if upstream.statistics_enabled is None:
        return None
    if upstream.statistics_enabled:
        return Finding(
            Level.OK, "Usage statistics are switched on upstream.", subject=upstream.name
        )
    return Finding(
        Level.ERROR,
        "Usage statistics are switched off upstream (usage-statistics-enabled: false).",
        "No request is recorded: no event reaches the queue.",
        "Switch them on here, or set usage-statistics-enabled: true in its configuration.",
        subject=upstream.name,
        action=Action("Switch statistics on", "upstreams:statistics-on", (upstream.pk,)),
    )


def judge_retention(state: UpstreamState) -> Finding | None:
    """How long the queue keeps events, against how often we look."""
    upstream, retention = state.upstream, state.upstream.retention_seconds
    if not retention:
        return None
    advice = "Set redis-usage-queue-retention-seconds: 3600 in the upstream's configuration."
    if longest_wait(retention) < settings.COLLECTOR_INTERVAL_SECONDS:
        return Finding(
            Level.WARNING,
            f"The interval of {settings.COLLECTOR_INTERVAL_SECONDS:g} s is more than a third of the"
            f" upstream's retention of {retention} s.",
            "The loop looks more often than told; a collection started from outside would lose"
            " events.",
            f"Lower COLLECTOR_INTERVAL_SECONDS. {advice}",
            subject=upstream.name,
        )
    if retention < COMFORTABLE_RETENTION_SECONDS:
        return Finding(
            Level.NOTICE,
            f"The upstream forgets events after {retention} s.",
            "A restart or outage of the collector longer than that loses events.",
            advice,
            subject=upstream.name,
        )
    return Finding(Level.OK, f"The upstream keeps events for {retention} s.", subject=upstream.name)


def judge_clock(state: UpstreamState) -> Finding | None:
    """Whether both clocks agree."""
    upstream, ahead = state.upstream, state.upstream.clock_ahead_seconds
    if ahead is None:
        return None
    if abs(ahead) <= CLOCK_TOLERANCE_SECONDS:
        return Finding(Level.OK, "Its clock and ours agree.", subject=upstream.name)
    return Finding(
        Level.WARNING,
        f"Its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours.",
        "Events carry the upstream's time, so charts and alerts are shifted by that.",
        "Run a time service (chrony, systemd-timesyncd) on both hosts.",
        subject=upstream.name,
    )


def judge_collector(state: UpstreamState) -> Finding | None:
    """Whether anybody looks at the queue, and under which lease."""
    upstream, run = state.upstream, state.last_run
    limit = max(SILENCE_SECONDS, (upstream.retention_seconds or 0) / 2)
    last = run and (run.ended_at or run.started_at)
    if state.is_held or (last and timezone.now() - last < timedelta(seconds=limit)):
        lease = f"held by {state.lease.holder}" if state.lease and state.is_held else "free"
        return Finding(
            Level.OK, f"A collector is at work; its lease is {lease}.", subject=upstream.name
        )
    since = f"since {timezone.localtime(last):%Y-%m-%d %H:%M}" if last else "yet"
    return Finding(
        Level.ERROR,
        f"No collector has looked at the queue {since}.",
        "The upstream forgets events after its retention.",
        "Start `manage.py collect_usage --loop` (`make run` does), and see that it stays up.",
        subject=upstream.name,
    )


def judge_first_run(state: UpstreamState) -> Finding | None:
    """The very first run, before whose first page nothing can be shown."""
    if (
        state.last_success_at
        or state.last_run is None
        or not state.is_held
        or state.last_run.status != Status.RUNNING
    ):
        return None
    return Finding(
        Level.NOTICE,
        "The first run is in progress.",
        "Events show as soon as its first page is stored.",
        "Nothing: look again in a few seconds.",
        subject=state.upstream.name,
    )


def judge_success(state: UpstreamState) -> Finding | None:
    """Runs that end badly for another reason than the upstream."""
    run = state.last_run
    if run is None or run.status not in (Status.ABANDONED, Status.LEASE_LOST):
        return None
    return Finding(
        Level.NOTICE,
        f"The last run ended as “{run.get_status_display()}”: {run.error}.",
        "What it had popped is in the spool and is stored by the next run.",
        "Nothing, unless it happens often: then see why the process ends or stalls.",
        subject=state.upstream.name,
    )


def judge_push(state: UpstreamState) -> Finding | None:
    """Whether an upstream that should push does."""
    upstream, run = state.upstream, state.last_run
    if upstream.collection_mode != CollectionMode.PUSH or run is None:
        return None
    if run.trigger == CollectorRun.Trigger.PUSH and run.status != Status.FAILED:
        return Finding(Level.OK, "Events are pushed.", subject=upstream.name)
    failed = CollectorRun.objects.filter(
        upstream=upstream, trigger=CollectorRun.Trigger.PUSH, status=Status.FAILED
    ).first()
    return Finding(
        Level.NOTICE,
        f"Events are pulled for now{f': {failed.error}' if failed else ''}.",
        "Nothing is lost by that; they show some seconds later.",
        "Nothing if the upstream was restarted: it is subscribed to again by itself. If it happens"
        " often, set it to pull.",
        subject=upstream.name,
        action=settings_of(upstream),
    )


def judge_completeness(state: UpstreamState) -> Finding | None:
    """Events that the upstream counted and that never came, and who takes them."""
    lost = lost_recently(state.upstream)
    if not lost:
        return _how_complete(state.upstream)
    if any(interval.cause == CompletenessInterval.Cause.ANOTHER_CONSUMER for interval in lost):
        return Finding(
            Level.ERROR,
            f"Another consumer takes events of this upstream: {sentence(lost[0])}.",
            "Each event is handed out once: to whoever asks first, or to subscribers alone. A"
            " subscriber that does not read makes them vanish.",
            "Stop the other dashboard or script that reads /usage-queue or subscribes over RESP, or"
            " let both subscribe: set this upstream to push.",
            subject=state.upstream.name,
            action=settings_of(state.upstream),
        )
    return Finding(
        Level.WARNING,
        f"{sentence(lost[0])}.",
        "They are in no figure, and nothing can bring them back.",
        "Remove the cause; a retention of 3600 s upstream bridges an hour.",
        subject=state.upstream.name,
    )


def _how_complete(upstream: Upstream) -> Finding | None:
    measured = completeness(upstream)
    if measured.share is None:
        return None
    lost = f", {measured.lost:,} lost" if measured.lost else ""
    return Finding(
        Level.OK,
        f"Collected {collected_share(measured.share)} of {measured.counted:,} counted"
        f" attempts{lost}, last 7 days.",
        subject=upstream.name,
    )


def judge_spool(state: UpstreamState) -> Finding | None:
    """Pages that were popped on this host and are not stored yet."""
    waiting = spool_health.waiting(state.upstream.pk)
    if not waiting:
        return Finding(Level.OK, "The spool is empty.", subject=state.upstream.name)
    return Finding(
        Level.NOTICE,
        f"{waiting} popped page{'s wait' if waiting != 1 else ' waits'} in the spool of this host.",
        "They are safe, but not yet in any figure.",
        "Nothing while a collector runs on this host: it stores them within seconds.",
        subject=state.upstream.name,
    )


JUDGEMENTS: tuple[Judgement, ...] = (
    judge_access,
    judge_reach,
    judge_interface,
    judge_statistics,
    judge_retention,
    judge_clock,
    judge_collector,
    judge_first_run,
    judge_success,
    judge_push,
    judge_completeness,
    judge_spool,
)


def check_spool() -> Iterator[Finding]:
    """Whether popped pages can be written on this host."""
    if error := spool_health.refusal():
        yield Finding(
            Level.ERROR,
            f"The spool cannot be written: {error}",
            "Nothing is popped while pages cannot be kept.",
            "Free disk space, or correct SPOOL_DIR and its owner.",
        )
    else:
        yield Finding(Level.OK, "The spool can be written.")
    yield from _left_behind()


def _left_behind() -> Iterator[Finding]:
    """Pages of upstreams that are served no more, or that are not of this database."""
    waiting = spool_health.waiting_by_upstream()
    names = dict(Upstream.with_removed.filter(pk__in=waiting).values_list("pk", "name"))
    present = set(Upstream.objects.filter(pk__in=waiting).values_list("pk", flat=True))
    for upstream_id, count in waiting.items():
        pages = f"{count} popped page{'s wait' if count != 1 else ' waits'}"
        if upstream_id not in names:
            yield Finding(
                Level.WARNING,
                f"{pages} in the spool of this host for an upstream that this database does not"
                f" know ({upstream_id}).",
                "They are in no figure.",
                "If SPOOL_DIR belongs to an installation with another database, give this one its"
                f" own; else move {spool_health.folder_of(upstream_id)} away.",
            )
        elif upstream_id not in present:
            yield Finding(
                Level.WARNING,
                f"{pages} in the spool of this host.",
                "Its collector died before it was removed; they are safe, but not yet in any"
                " figure.",
                "Start `manage.py collect_usage --loop` on this host: it stores them within"
                " seconds.",
                subject=names[upstream_id],
            )


def check_dead_letters() -> Iterator[Finding]:
    """Elements that could not be stored."""
    count = DeadLetter.objects.filter(state=DeadLetter.State.PENDING).count()
    if count:
        yield Finding(
            Level.WARNING,
            f"{count} dead letter{'s' if count != 1 else ''} could not be stored.",
            "They are in no figure.",
            "Look at the reason; replay them after a fix, or discard them with a reason.",
            action=Action("Dead letters", "admin:usage_deadletter_changelist", is_link=True),
        )
    else:
        yield Finding(Level.OK, "No dead letters wait.")
