"""What the doctor knows of collection: every way in which an upstream's events stay away, and the
step that fixes it. The checks read rows and the spool of this host; no upstream is requested."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from django.utils.translation import gettext

from monitoring.health import Action, Finding, Level
from usage.collector.status import UpstreamState, upstream_states
from usage.health.access import judge_access, judge_interface, judge_pause, judge_reach
from usage.health.backlog import judge_spool
from usage.health.queue import (
    judge_clock,
    judge_completeness,
    judge_retention,
    judge_statistics,
    judge_unrecorded,
)
from usage.health.runs import judge_collector, judge_first_run, judge_push, judge_success

Judgement = Callable[[UpstreamState], Finding | None]


def check_upstreams() -> Iterator[Finding]:
    """Every enabled or paused upstream, judged in all respects."""
    states = upstream_states()
    if not states:
        yield Finding(
            Level.ERROR,
            gettext("No upstream is configured."),
            gettext("There is nothing to collect from."),
            gettext(
                "Set CLIPROXYAPI_MANAGEMENT_URL and MANAGEMENT_API_KEY and start again, or add an"
                " upstream."
            ),
            action=Action(
                gettext("Add an upstream"), "admin:management_proxy_upstream_add", is_link=True
            ),
        )
    for state in states:
        judgements = JUDGEMENTS if state.upstream.is_enabled else (judge_pause, judge_spool)
        for judge in judgements:
            if finding := judge(state):
                yield replace(finding, section=section_of(judge))


def section_of(judgement: Judgement) -> str:
    """The part of the runbook about what a judgement finds."""
    return f"upstream {judgement.__name__.removeprefix('judge_')}"


JUDGEMENTS: tuple[Judgement, ...] = (
    judge_access,
    judge_reach,
    judge_interface,
    judge_statistics,
    judge_unrecorded,
    judge_retention,
    judge_clock,
    judge_collector,
    judge_first_run,
    judge_success,
    judge_push,
    judge_completeness,
    judge_spool,
)
