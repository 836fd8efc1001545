"""`manage.py recompute_costs`: price stored events anew."""

import argparse
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring import leases
from providers.models import ClientKey
from usage.models import Recomputation
from usage.upkeep.recompute import (
    LEASE,
    NothingToRecompute,
    approve,
    cancel,
    carry_on,
    request,
)

_TTL_SECONDS = 60.0
_SHOWN = 20


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day like 2026-11-30, got {text!r}") from None


class Command(BaseCommand):
    """Exit codes: 0 done, 1 refused. Killed, the collector continues it if it was applying."""

    help = (
        "Price the events of a range of days anew, by the present catalogue and own prices, while"
        " collection goes on: first shows what changes, then applies it."
    )

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
        parser.add_argument("--model", action="append", default=[], help="only this model; repeat")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        self._tells = options["verbosity"] > 1
        term = leases.acquire(f"task:{LEASE}", _TTL_SECONDS)
        if term is None:
            raise CommandError("another recomputation is being done; see the page Recomputations")
        try:
            with leases.heartbeat(term):
                self._recompute(options)
        except NothingToRecompute as error:
            raise CommandError(str(error)) from error
        finally:
            leases.release(term)

    def _recompute(self, options: Mapping[str, Any]) -> None:
        made = request(options["first"], options["last"], options["model"], None)
        carry_on(made, report=self._progress)
        self._show(made)
        if options["dry_run"] or not made.changed:
            cancel(made, None)
            return
        approve(made, None)
        carry_on(made, report=self._progress)
        self.stdout.write(f"{made.changed:,} of {made.events:,} events have a new cost")

    def _progress(self, made: Recomputation) -> None:
        if made.reached and self._tells:
            self.stdout.write(f"{made.get_status_display()}: down to {made.reached:%Y-%m-%d}")

    def _show(self, made: Recomputation) -> None:
        self.stdout.write(f"{made.changed:,} of {made.events:,} events would have a new cost")
        keys = {str(key.pk): str(key) for key in ClientKey.objects.all()}
        for title, names in (("days", {}), ("models", {}), ("keys", keys)):
            rows = sorted(
                made.changes.get(title, {}).items(),
                key=lambda row: -abs(row[1]["after"] - row[1]["before"]),
            )
            for value, change in rows[:_SHOWN]:
                before, after = (Decimal(change[side]) / 10**9 for side in ("before", "after"))
                name = names.get(value, value if value != "0" else "no key")
                self.stdout.write(
                    f"{title[:-1]:6} {name:40} ${before:,.6f} -> ${after:,.6f}"
                    f" ({change['events']:,} events)"
                )
