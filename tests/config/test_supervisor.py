"""The supervisor, with real children."""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from config.stack import supervisor as supervision
from config.stack.collector import collector
from config.stack.errors import CannotStart
from config.stack.supervisor import Child, Supervisor
from management_proxy.models import Upstream
from tests.factories import make_upstream
from tests.processes import alive, eventually, python

Started = Callable[..., Child]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Start children under a supervisor whose loop the test turns itself; all are stopped at the
    end."""
    monkeypatch.setattr(supervision, "STOP_SECONDS", 0.5)
    supervisor = Supervisor(threading.Event())

    def start(code: str, name: str = "child", *, serves_others: bool = False) -> Child:
        child = Child(name, [sys.executable, "-c", code], {}, serves_others=serves_others)
        supervisor.start(child)
        child.supervisor = supervisor
        return child

    yield start
    supervisor.stop_all()


def died(child: Child) -> None:
    process = child.process
    eventually(lambda: process.poll() is not None)
    child.supervisor.step(child)


def test_a_dying_child_is_reported_with_its_last_output_and_started_again(
    run: Started, capsys: pytest.CaptureFixture[str]
):
    child = run("import sys; print('all is well'); sys.exit('the disk is full')")
    died(child)
    out = capsys.readouterr().out
    assert "     child | all is well\n" in out
    assert "child ended with status 1" in out
    assert out.rstrip().endswith("the disk is full")
    child.restart_at = time.monotonic()
    child.supervisor.step(child)
    assert child.process is not None


def test_restarts_come_ever_later_until_a_child_lives_long(
    run: Started, monkeypatch: pytest.MonkeyPatch
):
    child = run("")
    child.has_started = True
    assert waits(child, 7) == [1, 2, 4, 8, 16, 30, 30]
    child.started -= supervision.STEADY_SECONDS + 1
    died(child)
    assert math.ceil(child.restart_at - time.monotonic()) == 1


def waits(child: Child, deaths: int) -> list[int]:
    waited = []
    for _ in range(deaths):
        died(child)
        # Some of it is over by now, on a busy machine a good part of a second.
        waited.append(math.ceil(child.restart_at - time.monotonic()))
        child.start()
    return waited


def test_no_restart_comes_later_than_a_child_can_be_missed(run: Started):
    child = run("")
    child.has_started = True
    child.longest_backoff = lambda: 10.0
    assert waits(child, 6) == [1, 2, 4, 8, 10, 10]
    child.longest_backoff = lambda: 0.2
    assert waits(child, 1) == [1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("retentions", "seconds"), [([], 10), ([60, 3600], 10), ([3600], 30), ([18, None], 3)]
)
def test_collector_is_missed_after_a_sixth_of_the_smallest_retention(retentions, seconds):
    for retention in retentions:
        make_upstream(retention_seconds=retention)
    assert collector({}).longest_backoff() == seconds


@pytest.mark.django_db
def test_collector_is_missed_soon_while_the_database_does_not_tell(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError

    monkeypatch.setattr(Upstream.objects, "filter", refuse)
    assert collector({}).longest_backoff() == 10


def test_a_child_that_never_starts_is_given_up_with_its_last_output(run: Started):
    child = run("import sys; sys.exit('WEB_WORKERS is no number')")
    waits(child, 2)
    with pytest.raises(CannotStart, match="3 times without having started") as given_up:
        died(child)
    assert "WEB_WORKERS is no number" in str(given_up.value)


def test_a_child_that_once_lived_is_started_again_for_ever(run: Started):
    child = run("")
    child.started -= supervision.STARTED_SECONDS
    assert len(waits(child, 5)) == 5


def test_a_child_is_not_started_again_too_early(run: Started):
    child = run("")
    died(child)
    child.supervisor.step(child)
    assert child.process is None


def test_what_a_dead_child_leaves_behind_is_killed(run: Started):
    child = run("import subprocess as s; print(s.Popen(['sleep', '60']).pid)")
    died(child)
    eventually(lambda: not alive(int(child.last_lines[0])))


def test_a_child_that_ignores_sigterm_is_killed(run: Started, capsys: pytest.CaptureFixture[str]):
    child = run(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(60)"
    )
    eventually(lambda: "ready" in child.last_lines)
    child.supervisor.stop_all()
    assert child.process is None
    assert "did not stop within" in capsys.readouterr().out


def test_those_that_serve_others_stop_last(run: Started, tmp_path: Path):
    code = """
import signal, sys, time
def end(*_):
    open({path!r}, "a").write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready")
time.sleep(60)
"""
    path = str(tmp_path / "order")
    children = [
        run(code.format(path=path, name=name), name, serves_others=name == "server")
        for name in ("server", "user")
    ]
    eventually(lambda: all("ready" in child.last_lines for child in children))
    children[0].supervisor.stop_all()
    assert (tmp_path / "order").read_text() == "user server "


def test_children_end_with_a_supervisor_that_was_killed():
    code = """
import sys, threading
from config.stack.supervisor import Child, Supervisor
child = Child("child", [sys.executable, "-c", "print('ready'); import time; time.sleep(60)"], {})
supervisor = Supervisor(threading.Event())
supervisor.start(child)
while "ready" not in child.last_lines: pass
print("pid", child.process.pid, flush=True)
supervisor.watch()
"""
    with python("-c", code) as process:
        # The relayed output of the child may come before or after it.
        line = next(line for line in process.stdout if line.startswith("pid "))
        pid = int(line.split()[1])
        assert alive(pid)
        process.kill()
        eventually(lambda: not alive(pid))


def test_an_output_without_a_reader_stops_nothing(monkeypatch: pytest.MonkeyPatch):
    class Closed:
        def write(self, _text: str) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    supervision.say("anybody there?")


def test_changed_sources_start_children_anew_but_not_those_that_serve_others(run: Started):
    serving = run("import time; time.sleep(60)", "server", serves_others=True)
    child = run("import time; time.sleep(60)")
    before, served_by = child.process, serving.process
    child.failures = 5
    child.supervisor.restart()
    assert before.poll() is not None
    assert child.is_alive()
    assert child.process is not before
    assert child.failures == 0
    assert serving.process is served_by
    assert serving.is_alive()
