"""The button "Collect now" says what came of it, in the reader's language."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.models import AuditEntry
from tests.factories import make_upstream, make_user
from tests.pages.world import signed_in
from usage.collector import by_hand
from usage.collector.collect import RunInProgress
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db
ADDRESS = "/monitoring/upstreams/collect/"
BUSY = RunInProgress(None, "host:1:a", 300.0)


@pytest.fixture
def press(monkeypatch):
    """A function that presses the button while a collection ends so, and returns the messages."""
    staff = signed_in(make_user(staff=True))

    def pressed(outcome: object, language: str = "en") -> list[str]:
        monkeypatch.setattr(by_hand, "collect", lambda *_: outcome)
        staff.post("/language/", {"language": language})
        page = staff.post(ADDRESS, follow=True)
        assert page.redirect_chain == [("/monitoring/", 302)]
        return [str(message) for message in page.context["messages"]]

    return pressed


def run(upstream, status, ago=1.0, **fields) -> CollectorRun:
    ended = timezone.now() - timedelta(seconds=ago)
    about = {"trigger": "loop", "holder": "host:1:a", "token": 1, "status": status, **fields}
    return CollectorRun.objects.create(upstream=upstream, started_at=ended, ended_at=ended, **about)


def test_what_was_collected(press):
    collected = run(make_upstream(name="east"), "succeeded", stored=1200, duplicates=1)
    assert press(collected) == ["east: Collected. Stored: 1,200; duplicates: 1."]
    assert AuditEntry.objects.get(action="collection.triggered").target == "east"


def test_beside_the_loop_all_is_up_to_date(press):
    run(make_upstream(name="east"), "succeeded")
    (text,) = press(BUSY)
    assert text in [f"east: Up to date: collected {age} s ago." for age in (1, 2, 3)]


def test_a_run_that_takes_long_is_in_progress(press):
    run(make_upstream(name="east"), "succeeded", ago=600)
    assert press(BUSY) == ["east: A run has been in progress for 5 min."]


def test_reason_of_a_failure_is_in_the_readers_language(press):
    failed = run(make_upstream(name="east"), "failed", error="cannot connect: timed out")
    assert press(failed, "de") == ["east: Sammlung fehlgeschlagen: keine Verbindung: timed out."]


def test_without_an_upstream_it_says_so(press, settings):
    settings.CLIPROXYAPI_MANAGEMENT_URL = ""
    assert press(BUSY) == ["No upstream is configured or enabled."]


def test_only_staff_and_only_by_post(client):
    client.force_login(make_user())
    assert client.post(ADDRESS).status_code == 403
    assert client.get(ADDRESS).status_code == 405
