"""The registry of health checks."""

import pytest
from django.db import OperationalError

from monitoring import health
from monitoring.health import Finding, Level

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(health, "_checks", {})
    monkeypatch.setattr(health, "_examinations", {})


def test_findings_name_their_check_and_come_worst_first():
    health.register("fine", lambda: [Finding(Level.OK, "fine")])
    health.register(
        "ill",
        lambda: [Finding(Level.NOTICE, "a little"), Finding(Level.ERROR, "very", subject="east")],
    )
    found = health.findings()
    assert [(f.check, f.level) for f in found[:2]] == [("ill", Level.ERROR), ("ill", Level.NOTICE)]
    assert {f.check for f in found[2:]} == {"fine", "database"}
    assert health.worst(found) == Level.ERROR
    assert [f.summary for f in health.troubles(found, "east")] == ["very"]


def test_check_that_breaks_is_a_finding_and_hides_no_other():
    def broken():
        raise ZeroDivisionError("secret detail")

    health.register("broken", broken)
    health.register("other", lambda: [Finding(Level.WARNING, "seen")])
    found = health.findings()
    assert [f.check for f in found] == ["broken", "other", "database"]
    assert "secret" not in found[0].summary


def test_database_that_is_out_of_reach_is_the_only_finding(monkeypatch, caplog):
    def broken():
        raise OperationalError("server closed the connection")

    gone = Finding(Level.ERROR, "The database is unreachable.")
    monkeypatch.setattr(health, "database_finding", lambda: gone)
    health.register("fine", lambda: [Finding(Level.OK, "fine")])
    health.register("broken", broken)
    assert health.findings() == [gone]
    assert not caplog.records


def test_checks_only_read_and_examinations_run_on_request():
    requested = []
    health.register_examination("ask", lambda: requested.append(1))
    health.findings()
    assert requested == []
    health.examine()
    assert requested == [1]


def test_nothing_is_wrong_where_nothing_is_registered():
    assert health.worst([]) == Level.OK
    assert [f.summary for f in health.findings()] == ["The database responds."]
