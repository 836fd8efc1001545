"""Logs, cursors and error logs (contract 8.6 and 8.7)."""

from typing import Any

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from tests.management_proxy.simulator.replay import FakeClock, manage, value_of


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    app = SimulatedUpstream(Options(clock=clock, failure_rate=1.0))
    for number in range(20):
        app.state.log.write("info ", "main.go:1", f"line {number}")
        clock.advance(1)
    return app


def _logs(app: SimulatedUpstream, query: str = "") -> dict[str, Any]:
    return value_of(manage(app, "GET", f"logs{query}"))


def test_without_a_file_there_are_no_logs(app: SimulatedUpstream) -> None:
    app.state.store.memory["logging-to-file"] = False
    assert _logs(app) == {"error": "logging to file disabled"}
    assert value_of(manage(app, "DELETE", "logs")) == {"error": "logging to file disabled"}


def test_a_cursor_gives_only_new_lines(app: SimulatedUpstream) -> None:
    cursor = _logs(app, "?limit=3")["next-cursor"]
    app.state.log.write("info ", "main.go:1", "news")
    lines = _logs(app, f"?limit=9&cursor={cursor}")["lines"]
    assert lines[-1].endswith("news")
    assert not any(line.endswith("line 19") for line in lines)


def test_a_limit_pages_forward_from_a_cursor(app: SimulatedUpstream) -> None:
    """Measured on a running server of 7.2: the oldest lines behind the cursor, none skipped."""
    page = _logs(app, "?limit=3")
    for number in range(5):
        app.state.log.write("info ", "main.go:1", f"news {number}")
    read: list[str] = []
    while len(read) < 5:
        page = _logs(app, f"?limit=2&cursor={page['next-cursor']}")
        assert len(page["lines"]) == page["line-count"] <= 2
        read += [line for line in page["lines"] if "news" in line]
    assert [line[-1] for line in read] == list("01234")


def test_an_unknown_cursor_starts_over_and_says_so(app: SimulatedUpstream) -> None:
    told = _logs(app, "?limit=2&cursor=nonsense")
    assert told["cursor-reset"] is True
    assert len(told["lines"]) == 2


def test_clearing_makes_cursors_stale(app: SimulatedUpstream) -> None:
    cursor = _logs(app, "?limit=1")["next-cursor"]
    assert value_of(manage(app, "DELETE", "logs"))["success"] is True
    assert _logs(app, f"?limit=1&cursor={cursor}")["cursor-reset"] is True


def test_after_is_strict_and_counts_what_it_scanned(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    told = _logs(app, f"?after={int(clock()) - 3}")
    assert [line.rsplit(" ", 1)[1] for line in told["lines"]] == ["18", "19"]
    assert told["line-count"] == 20


def test_secrets_in_queries_are_masked(app: SimulatedUpstream) -> None:
    manage(app, "GET", "debug?api-key=sk-secret&value=shown")
    last = _logs(app, "?limit=1")["lines"][0]
    assert "api-key=***&value=shown" in last


def test_failed_requests_leave_error_logs_up_to_a_number(app: SimulatedUpstream) -> None:
    events = [app.state.traffic.request(number)[0][1] for number in range(15)]
    app.record(events)
    files = value_of(manage(app, "GET", "request-error-logs"))["files"]
    assert len(files) == 10
    assert events[-1]["request_id"] in files[0]["name"]
    assert manage(app, "GET", f"request-log-by-id/{events[-1]['request_id']}").status == 200
    manage(app, "PUT", "request-log", {"value": True})
    assert value_of(manage(app, "GET", "request-error-logs")) == {"files": []}


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0s"), (340, "340ms"), (1_000, "1s"), (12_340, "12.34s"), (65_999, "1m5s")],
)
def test_a_line_states_how_long_a_request_took(
    app: SimulatedUpstream, milliseconds: int, shown: str
) -> None:
    app.state.log.note_request(200, "10.0.0.1", "POST", "/v1/messages", milliseconds=milliseconds)
    assert _logs(app, "?limit=1")["lines"][0].split("|")[1] == f" {shown:>13} "
