"""`manage.py seed_usage`: fill the database with the field's reference dataset, for benchmarks and
demonstrations."""

import argparse
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from usage.reference.dataset import CREDENTIALS, DAYS, EVENTS, KEYS, MODELS, SEED
from usage.reference.instants import Shape
from usage.reference.seeding import DEFAULT_UPSTREAM, SeedRefused, seed, seeded_upstream


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**9:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 1 to 1,000,000,000, got {text!r}"
        )
    return int(text)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 2000:
        raise argparse.ArgumentTypeError(
            f"expected a whole number of days from 1 to 2000, got {text!r}"
        )
    return int(text)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected an instant like 2026-11-24T00:00:00+00:00, got {text!r}"
        ) from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    if instant > datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"expected an instant that has passed, got {text!r}")
    return instant


class Command(BaseCommand):
    help = (
        f"Store the field's reference dataset ({EVENTS:,} events of {DAYS} days by {KEYS} client"
        f" keys, {CREDENTIALS} credentials and {MODELS} models), or one of another size with the"
        " same distributions. Events, days, seed and --until decide every event."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--events", type=_count, default=EVENTS, metavar="N")
        parser.add_argument("--days", type=_days, default=DAYS, metavar="D")
        parser.add_argument("--seed", type=int, default=SEED, metavar="S")
        parser.add_argument(
            "--until",
            type=_instant,
            metavar="INSTANT",
            help="first instant without events (default: the hour that has begun)",
        )
        parser.add_argument(
            "--into",
            default="",
            metavar="NAME",
            help=(
                f"simulated upstream that they belong to (default: {DEFAULT_UPSTREAM}), made if"
                " need be"
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        until = options["until"] or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        shape = Shape(options["events"], options["days"], options["seed"], until)
        started = time.monotonic()
        try:
            upstream = seeded_upstream(options["into"])
            stored = seed(shape, upstream, self._report)
        except SeedRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        first = until - timedelta(days=shape.days)
        self.stdout.write(
            f"{stored} new events of {shape.events}, {first.isoformat()} to {until.isoformat()}, in"
            f" {time.monotonic() - started:.1f} s"
        )
        self.stdout.write(
            f"They belong to the simulated upstream {upstream.name!r}; the same dataset again:"
            f" --until {until.isoformat()}"
        )

    def _report(self, stored: int) -> None:
        self.stderr.write(f"{stored} stored")
