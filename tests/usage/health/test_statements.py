"""What findings and scrapes read does not grow with the upstreams."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring import health
from monitoring.api import recent
from monitoring.metrics import registry
from tests.factories import make_event, make_upstream, store
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db


def add_upstreams(*names: str) -> None:
    """Upstreams with events, a run, and every second one with a push that failed."""
    for number, name in enumerate(names):
        upstream = make_upstream(name=name, collection_mode=("pull", "push")[number % 2])
        store(upstream, make_event())
        CollectorRun.objects.create(
            upstream=upstream,
            trigger="push",
            holder="h",
            token=1,
            status="failed",
            error="reset",
            started_at=timezone.now(),
        )


def statements(read) -> int:
    recent.shared_findings.forget()
    with CaptureQueriesContext(connection) as captured:
        read()
    return len(captured)


@pytest.mark.parametrize("read", [health.findings, registry.exposition])
def test_more_upstreams_take_no_more_statements(read):
    add_upstreams("a", "b")
    statements(read)
    few = statements(read)
    add_upstreams("c", "d", "e", "f", "g", "h")
    assert statements(read) == few
    assert "Events are pulled for now: reset." in {f.summary for f in health.findings()}


def test_pages_share_what_was_found():
    assert statements(recent.recent_findings) > 0
    with CaptureQueriesContext(connection) as captured:
        recent.recent_findings()
    assert len(captured) == 0
