"""`manage.py capture_baseline`: latency, failures, load of pages and memory of a running
dashboard."""

import argparse
import json
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from usage.baseline.capture import capture
from usage.baseline.journal import AnotherCapture
from usage.baseline.markdown import markdown
from usage.baseline.settings import CaptureSettings, seconds_of

EXIT_INTERRUPTED = 3


def _duration(text: str) -> float:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


class Command(BaseCommand):
    help = (
        "Capture the baseline of a running dashboard, this one or that of the plan: p50, p95 and"
        " p99 of usage history, collection and the management proxy, at a gentle rate. Ctrl-C"
        " interrupts; the same command goes on."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="e.g. http://127.0.0.1:8000")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE")
        parser.add_argument("--duration", type=_duration, default=300.0, help="90s, 5m, 24h")
        parser.add_argument("--interval", type=_duration, default=5.0, help="between two requests")
        parser.add_argument("--token", default=os.environ.get("BASELINE_TOKEN", ""))
        parser.add_argument(
            "--collector-key", default=os.environ.get("COLLECTOR_API_KEY", ""), help="for collect"
        )
        parser.add_argument(
            "--cookie",
            default=os.environ.get("BASELINE_COOKIE", ""),
            help="of a signed-in session, where there are no tokens, and for --page",
        )
        parser.add_argument("--management-path", default="/api/management/config")
        parser.add_argument("--without-collect", action="store_true")
        parser.add_argument("--pid", type=int, action="append", default=[], help="with children")
        parser.add_argument("--cgroup", type=Path, help="e.g. /sys/fs/cgroup/system.slice/x")
        parser.add_argument("--page", action="append", default=[], help="path, open in a browser")
        parser.add_argument("--page-seconds", type=_duration, default=60.0)
        parser.add_argument("--markdown", action="store_true", help="print the snapshot as well")

    def handle(self, *args: Any, **options: Any) -> None:
        settings = CaptureSettings(
            url=options["url"].rstrip("/"),
            duration=options["duration"],
            interval=options["interval"],
            token=options["token"],
            collector_key=options["collector_key"],
            cookie=options["cookie"],
            management_path=options["management_path"],
            collects=not options["without_collect"],
            pids=tuple(options["pid"]),
            cgroup=options["cgroup"],
            pages=tuple(options["page"]),
            page_seconds=options["page_seconds"],
        )
        output: Path = options["output"]
        try:
            document = capture(settings, output, _stopped_by_signals(), self.stderr.write)
        except (AnotherCapture, OSError) as error:
            raise CommandError(str(error)) from error
        if document is None:
            raise CommandError(
                "interrupted; the same command goes on from here", returncode=EXIT_INTERRUPTED
            )
        self.stdout.write(markdown(document) if options["markdown"] else json.dumps(document))


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    return stop
