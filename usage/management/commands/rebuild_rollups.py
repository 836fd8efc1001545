"""`manage.py rebuild_rollups`: recompute sums from the events."""

import argparse
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from usage.upkeep.rebuild import EventsPruned, differences, rebuild

SHOWN = 20


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day like 2026-11-30, got {text!r}") from None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


class Command(BaseCommand):
    """Exit codes: 0 done or equal, 1 refused or different."""

    help = "Recompute every rollup from the events of a range of days, while collection continues."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="first",
            type=_day,
            required=True,
            metavar="DAY",
            help="first day, in the installation's zone",
        )
        parser.add_argument(
            "--to", dest="last", type=_day, required=True, metavar="DAY", help="last day, included"
        )
        parser.add_argument(
            "--check", action="store_true", help="only compare, and say what differs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["last"] < options["first"]:
            raise CommandError("--to is before --from")
        first, last = _midnight(options["first"]), _midnight(options["last"] + timedelta(days=1))
        if options["check"]:
            self._compare(first, last)
            return
        try:
            rebuild(first, last)
        except EventsPruned as error:
            raise CommandError(str(error)) from error
        self.stdout.write("rebuilt")

    def _compare(self, first: datetime, last: datetime) -> None:
        found = differences(first, last)
        for difference in found[:SHOWN]:
            self.stdout.write(f"{difference.table} {' '.join(map(str, difference.key))}")
        if found:
            raise CommandError(f"{len(found)} rows differ from the events")
        self.stdout.write("rollups and events agree")
