"""The periodic tasks of this app: partitions ahead, retention, the nightly comparison, and old runs
forgotten."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.periodic import Task, TroubleFound
from usage.costs import editions
from usage.models import CollectorRun
from usage.rollups.partitions import MONTHS_AHEAD, ensure_partitions_ahead
from usage.upkeep import recompute, retention
from usage.upkeep.rebuild import differences

# Every day is compared on so many nights after it; what comes later than that is what a replay of
# dead letters adds.
COMPARED_DAYS = 8
IDLE_RUNS_KEPT = timedelta(days=7)
RUNS_KEPT = timedelta(days=90)


def make_partitions() -> str:
    """Make the partitions of the months to come."""
    ensure_partitions_ahead()
    return f"This month and the next {MONTHS_AHEAD} have a partition."


def prune() -> str:
    """Drop the months of events that have had their time."""
    dropped = retention.prune()
    return (
        f"Dropped {', '.join(f'{old.month:%Y-%m} ({old.events:,} events)' for old in dropped)}."
        if dropped
        else "Nothing to drop."
    )


def compare_rollups() -> str:
    """Compare the rollups of the last days with their events; raises TroubleFound where they
    differ."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=COMPARED_DAYS)
    if found := differences(first, today):
        tables = ", ".join(sorted({difference.table for difference in found}))
        raise TroubleFound(
            f"{len(found)} rows of rollups between {first:%Y-%m-%d} and {today:%Y-%m-%d} are not"
            f" what the events sum to ({tables}). manage.py rebuild_rollups --from {first:%Y-%m-%d}"
            f" --to {today:%Y-%m-%d} fixes them."
        )
    return f"Rollups and events agree from {first:%Y-%m-%d} to {today:%Y-%m-%d}."


def forget_runs() -> str:
    """Delete the records of runs that are too old to be of use."""
    idle = Q(
        status=CollectorRun.Status.SUCCEEDED,
        popped=0,
        dead_lettered=0,
        ended_at__lt=Now() - IDLE_RUNS_KEPT,
    )
    old = Q(ended_at__lt=Now() - RUNS_KEPT)
    forgotten, _ = (
        CollectorRun.objects.exclude(status=CollectorRun.Status.RUNNING).filter(idle | old).delete()
    )
    return f"{forgotten:,} old runs forgotten."


def update_prices() -> str:
    """Fetch the newest catalogue of prices; raises TroubleFound where it stays as it is."""
    try:
        return editions.update()
    except editions.UpdateRefused as refused:
        raise TroubleFound(f"The prices stay as they are: {refused}.") from refused


PRUNE = Task(
    "retention",
    _("Drop events older than EVENT_RETENTION_MONTHS"),
    prune,
    timedelta(days=1),
    hour=3,
    lease=retention.LEASE,
    why=_("Events that should be gone still fill the disk."),
    fix=_("Follow the message, or check whether a long query locks the event table."),
)
TASKS = (
    Task(
        "partitions",
        _("Make the event table's next partitions"),
        make_partitions,
        timedelta(hours=6),
        why=_("Events of a new month find no partition waiting; the ingest then makes it itself."),
        fix=_("See the log of the collector."),
    ),
    PRUNE,
    Task(
        "compare rollups",
        _("Compare rollups with events"),
        compare_rollups,
        timedelta(days=1),
        hour=4,
        why=_("Sums that pages show may be wrong."),
        fix=(
            _(
                "Rebuild the range that the message names, and report how it came about: this must"
                " not happen."
            )
        ),
    ),
    Task(
        recompute.LEASE,
        _("Give stored events new costs where that was requested, or after an upgrade"),
        recompute.take_turn,
        timedelta(minutes=1),
        is_wanted=recompute.is_waiting,
        why=_("Costs of the past stay as they are, or are missing."),
        fix=_("Look into the log of the collector; it continues where it stopped."),
    ),
    Task(
        "update prices",
        _("Fetch the newest catalogue of prices"),
        update_prices,
        timedelta(days=1),
        hour=2,
        is_wanted=lambda: bool(settings.UPDATE_PRICES_NIGHTLY),
        why=_("Prices that changed since the last good catalogue are missed."),
        fix=_(
            "See whether this host may reach the address, or set UPDATE_PRICES_NIGHTLY to false."
        ),
    ),
    Task(
        "forget runs",
        _("Delete old records of runs"),
        forget_runs,
        timedelta(days=1),
        hour=5,
        why=_("The list of runs grows without end."),
        fix=_("See the log of the collector."),
    ),
)
