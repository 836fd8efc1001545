"""What waits to be stored: pages in the spool of this host, and dead letters."""

from collections.abc import Iterator

from django.utils.translation import gettext, ngettext

from management_proxy.models import Upstream
from monitoring.health import Action, Finding, Level
from monitoring.texts.recorded import in_language
from usage.collector import spool_health
from usage.collector.status import UpstreamState
from usage.models import DeadLetter


def judge_spool(state: UpstreamState) -> Finding | None:
    """Pages that were popped on this host and are not stored yet."""
    waiting = spool_health.waiting(state.upstream.pk)
    if not waiting:
        return Finding(Level.OK, gettext("The spool is empty."), subject=state.upstream.name)
    return Finding(
        Level.NOTICE,
        _pages_wait(waiting),
        gettext("They are safe, but do not yet appear in any figure."),
        gettext("Nothing while a collector runs on this host: it stores them within seconds."),
        subject=state.upstream.name,
    )


def check_spool() -> Iterator[Finding]:
    """Whether popped pages can be written on this host."""
    if error := spool_health.refusal():
        yield Finding(
            Level.ERROR,
            gettext("The spool cannot be written: %(error)s") % {"error": in_language(error)},
            gettext("Nothing is popped while pages cannot be kept."),
            gettext("Free disk space, or correct SPOOL_DIR and its owner."),
        )
    else:
        yield Finding(Level.OK, gettext("The spool can be written."))
    yield from _left_behind()


def _left_behind() -> Iterator[Finding]:
    """Pages of upstreams that are served no more, or that are not of this database."""
    waiting = spool_health.waiting_by_upstream()
    names = dict(Upstream.with_removed.filter(pk__in=waiting).values_list("pk", "name"))
    present = set(Upstream.objects.filter(pk__in=waiting).values_list("pk", flat=True))
    for upstream_id, count in waiting.items():
        if upstream_id not in names:
            yield Finding(
                Level.WARNING,
                ngettext(
                    "%(count)s popped page waits in the spool of this host for an upstream that"
                    " this database does not know (%(upstream)s).",
                    "%(count)s popped pages wait in the spool of this host for an upstream that"
                    " this database does not know (%(upstream)s).",
                    count,
                )
                % {"count": count, "upstream": upstream_id},
                gettext("They appear in no figure."),
                gettext(
                    "If SPOOL_DIR belongs to an installation with another database, give this one "
                    "its own; else move %(folder)s away."
                )
                % {"folder": spool_health.folder_of(upstream_id)},
            )
        elif upstream_id not in present:
            yield Finding(
                Level.WARNING,
                _pages_wait(count),
                gettext(
                    "Its collector ended before it was removed; they are safe, but not yet in any"
                    " figure."
                ),
                gettext(
                    "Start `manage.py collect_usage --loop` on this host: it stores them within"
                    " seconds."
                ),
                subject=names[upstream_id],
            )


def _pages_wait(count: int) -> str:
    return ngettext(
        "%(count)s popped page waits in the spool of this host.",
        "%(count)s popped pages wait in the spool of this host.",
        count,
    ) % {"count": count}


def check_dead_letters() -> Iterator[Finding]:
    """Elements that could not be stored."""
    count = DeadLetter.objects.filter(state=DeadLetter.State.PENDING).count()
    if count:
        yield Finding(
            Level.WARNING,
            ngettext(
                "%(count)s dead letter could not be stored.",
                "%(count)s dead letters could not be stored.",
                count,
            )
            % {"count": count},
            gettext("They appear in no figure."),
            gettext("See the reason of each; replay them after a fix, or discard them."),
            action=Action(
                gettext("Dead letters"), "admin:usage_deadletter_changelist", is_link=True
            ),
        )
    else:
        yield Finding(Level.OK, gettext("No dead letters are pending."))
