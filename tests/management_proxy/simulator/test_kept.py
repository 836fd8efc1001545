"""What a simulated server finds again when its process is started anew: log, error logs, and when
its troubles began."""

from pathlib import Path

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.kept import LOG, Kept
from management_proxy.simulator.presets import lived_in
from tests.management_proxy.simulator.replay import FakeClock, manage, value_of

HOUR = 3600


def started(clock: FakeClock, folder: Path | None) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, preset=lived_in(), folder=folder))


def logged(app: SimulatedUpstream) -> list[str]:
    return list(value_of(manage(app, "GET", "logs"))["lines"])


def cooling(app: SimulatedUpstream) -> list[str]:
    files = value_of(manage(app, "GET", "auth-files"))["files"]
    return [file["next_retry_after"] for file in files if file.get("next_retry_after")]


def test_logs_are_there_again(clock: FakeClock, tmp_path: Path) -> None:
    first = started(clock, tmp_path)
    assert first.queue_history(2, 100) > 0
    lines = logged(first)
    failures = value_of(manage(first, "GET", "request-error-logs"))
    name = failures["files"][0]["name"]
    clock.advance(HOUR)
    second = started(clock, tmp_path)
    assert logged(second)[: len(lines)] == lines
    assert value_of(manage(second, "GET", "request-error-logs")) == failures
    path = f"request-error-logs/{name}"
    assert manage(second, "GET", path).body == manage(first, "GET", path).body
    assert len(logged(started(clock, None))) < len(lines)


def test_log_that_was_cleared_stays_so_and_an_unfinished_line_is_left_out(
    clock: FakeClock, tmp_path: Path
) -> None:
    first = started(clock, tmp_path)
    first.state.log.write("info ", "main.go:1", "before")
    manage(first, "DELETE", "logs")
    first.state.log.write("info ", "main.go:1", "after")
    with (tmp_path / LOG).open("a") as file:
        file.write('[1, "unfin')
    lines = logged(started(clock, tmp_path))
    assert any(line.endswith("after") for line in lines)
    assert not any(line.endswith(("before", "unfin")) for line in lines)


def test_cooldown_goes_on_and_ends_when_it_would_have(clock: FakeClock, tmp_path: Path) -> None:
    ends = cooling(started(clock, tmp_path))
    assert len(ends) == 1
    clock.advance(HOUR)
    assert cooling(started(clock, tmp_path)) == ends
    clock.advance(2 * HOUR)
    assert cooling(started(clock, tmp_path)) == []


def test_another_world_begins_with_an_empty_folder(clock: FakeClock, tmp_path: Path) -> None:
    started(clock, tmp_path).state.log.write("info ", "main.go:1", "before")
    Kept(tmp_path).forget()
    assert not any(line.endswith("before") for line in logged(started(clock, tmp_path)))
