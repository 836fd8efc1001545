"""What waits to be stored: pages in the spool of this host, and dead letters."""

from collections.abc import Iterator

from management_proxy.models import Upstream
from monitoring.health import Action, Finding, Level
from usage.collector import spool_health
from usage.collector.status import UpstreamState
from usage.models import DeadLetter


def judge_spool(state: UpstreamState) -> Finding | None:
    """Pages that were popped on this host and are not stored yet."""
    waiting = spool_health.waiting(state.upstream.pk)
    if not waiting:
        return Finding(Level.OK, "The spool is empty.", subject=state.upstream.name)
    return Finding(
        Level.NOTICE,
        f"{waiting} popped page{'s wait' if waiting != 1 else ' waits'} in the spool of this host.",
        "They are safe, but do not yet appear in any figure.",
        "Nothing while a collector runs on this host: it stores them within seconds.",
        subject=state.upstream.name,
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
                "They appear in no figure.",
                "If SPOOL_DIR belongs to an installation with another database, give this one its"
                f" own; else move {spool_health.folder_of(upstream_id)} away.",
            )
        elif upstream_id not in present:
            yield Finding(
                Level.WARNING,
                f"{pages} in the spool of this host.",
                "Its collector ended before it was removed; they are safe, but not yet in any"
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
            "They appear in no figure.",
            "See the reason of each; replay them after a fix, or discard them.",
            action=Action("Dead letters", "admin:usage_deadletter_changelist", is_link=True),
        )
    else:
        yield Finding(Level.OK, "No dead letters are pending.")
