"""`manage.py collect_usage`: collect once, or in a loop."""

import argparse
import json
import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from management_proxy.models import Upstream
from management_proxy.upstreams.registry import ensure_environment_upstream
from monitoring.metrics.shared import flush
from usage.api.runs import run_summary
from usage.collector.collect import RunInProgress, collect
from usage.collector.loop import CollectorLoop
from usage.models import CollectorRun

EXIT_FAILED = 1
EXIT_IN_PROGRESS = 3


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"expected seconds between 0.1 and 3600, got {text!r}")
    return value


class Command(BaseCommand):
    """Exit codes: 0 success, 1 failure, 3 a run is already in progress."""

    help = (
        "Move usage events from the upstream's queue into the database. Exit codes: 0 success, 1"
        " failure, 3 a run is in progress."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until SIGTERM or Ctrl-C")
        parser.add_argument(
            "--interval",
            type=_seconds,
            metavar="S",
            help="seconds between two polls of an idle queue, with --loop",
        )
        parser.add_argument(
            "--upstream", metavar="NAME", help="only this upstream; all enabled ones if not given"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object a run")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_environment_upstream()
        if options["loop"]:
            self._loop(options)
        else:
            self._once(options)

    def _once(self, options: dict[str, Any]) -> None:
        code = 0
        for upstream in _upstreams(options["upstream"]):
            try:
                outcome = collect(upstream, CollectorRun.Trigger.COMMAND)
                flush()
            except DatabaseError as error:
                reason = str(error).split("\n")[0]
                raise CommandError(
                    f"the database is unreachable; what was popped waits in the spool: {reason}",
                    returncode=EXIT_FAILED,
                ) from error
            self._print(outcome, upstream, options["json"])
            if isinstance(outcome, RunInProgress):
                code = max(code, EXIT_IN_PROGRESS)
            elif outcome.status != CollectorRun.Status.SUCCEEDED:
                code = EXIT_FAILED
        if code:
            raise SystemExit(code)

    def _loop(self, options: dict[str, Any]) -> None:
        stop = threading.Event()

        def request_stop(number: int, frame: FrameType | None) -> None:
            if stop.is_set():
                raise SystemExit(128 + number)  # a second signal forces
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, request_stop)
        interval = options["interval"] or settings.COLLECTOR_INTERVAL_SECONDS
        CollectorLoop(stop, interval, only=options["upstream"]).run()

    def _print(
        self, outcome: CollectorRun | RunInProgress, upstream: Upstream, as_json: bool
    ) -> None:
        summary = {"upstream": upstream.name, **run_summary(outcome)}
        if as_json:
            self.stdout.write(json.dumps(summary))
        else:
            self.stdout.write(
                " ".join(
                    f"{name}={value}" for name, value in summary.items() if value not in (None, "")
                )
            )


def _upstreams(name: str | None) -> list[Upstream]:
    chosen = (
        Upstream.objects.filter(name=name) if name else Upstream.objects.filter(is_enabled=True)
    )
    if not chosen:
        known = ", ".join(Upstream.objects.values_list("name", flat=True)) or "none"
        raise CommandError(
            (
                f"no upstream named {name!r}; known are: {known}"
                if name
                else "no upstream is configured or enabled"
            ),
            returncode=EXIT_FAILED,
        )
    return list(chosen)
