"""`manage.py` commands as real processes that start at once and die, or freeze, where a test says.

A nursery process loads Django and then forks a child for every order, which costs milliseconds
instead of a second. Only here are failpoints armed.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Order:
    """A command, and what is to befall it: at the n-th passing of a failpoint it kills or stops
    itself."""

    arguments: list[str]
    at: str = ""
    occurrence: int = 1
    signal: int = signal.SIGKILL
    settings: dict[str, Any] = field(default_factory=dict)
    # Seconds by which its clock is ahead.
    clock_ahead: float = 0.0
    # The largest file it may write, in bytes, as if the disk were full beyond.
    largest_file: int = 0
    # Where it notes every failpoint that it passes.
    passed: str = ""


class Nursery:
    """Starts commands and waits for them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, *arguments: str, **order: Any) -> int:
        """The process id of a command that has begun."""
        return self._ask(asdict(Order(list(arguments), **order)))

    def wait(self, pid: int) -> int:
        """The exit status; negative if a signal ended it."""
        return self._ask({"wait": pid})

    def run(self, *arguments: str, **order: Any) -> int:
        return self.wait(self.start(*arguments, **order))

    def _ask(self, question: dict[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(environment: dict[str, str], log: Path) -> Iterator[Nursery]:
    """A nursery whose children work under this environment; what they say goes to `log`."""
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashing"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
        with process:
            try:
                yield Nursery(process)
            finally:
                process.stdin.close()  # type: ignore[union-attr]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    import usage.management.commands.collect_usage  # noqa: F401

    for line in sys.stdin:
        question = json.loads(line)
        response = _status_of(question["wait"]) if "wait" in question else _fork(Order(**question))
        print(response, flush=True)


def _status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(order: Order) -> int:
    if pid := os.fork():
        return pid
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        _prepare(order)
        status = _obey(order)
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 70
    os._exit(status)


def _obey(order: Order) -> int:
    from django.core.management import CommandError, execute_from_command_line

    try:
        execute_from_command_line(["manage.py", *order.arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.returncode
    return 0


def _prepare(order: Order) -> None:
    from django.conf import settings
    from django.utils import timezone

    for name, value in order.settings.items():
        setattr(settings, name, value)
    if order.clock_ahead:
        now = timezone.now
        timezone.now = lambda: now() + timedelta(seconds=order.clock_ahead)
    if order.largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.largest_file, order.largest_file))
    if order.at or order.passed:
        _arm(order)


def _arm(order: Order) -> None:
    from monitoring import failpoints

    left = order.occurrence

    def reached(name: str) -> None:
        nonlocal left
        if order.passed:
            with open(order.passed, "a") as noted:
                noted.write(name + "\n")
        if name == order.at:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), order.signal)

    failpoints.arm(reached)


if __name__ == "__main__":
    main()
