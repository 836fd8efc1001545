"""`manage.py prune_audit`: delete old entries of the audit trail, which is kept for ever
otherwise."""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext_noop as _

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded

_OLDER = Recorded(_("older than %(days)s days"))


def _days(text: str) -> int:
    if not text.isdecimal() or not 30 <= int(text) <= 36_500:
        raise argparse.ArgumentTypeError(
            f"expected a whole number of days from 30 to 36500, got {text!r}"
        )
    return int(text)


class Command(BaseCommand):
    help = "Delete audit entries older than so many days. That it was done is written down itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than-days", type=_days, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        days: int = options["older_than_days"]
        count = trail.prune(timedelta(days=days))
        trail.record(
            None,
            "audit.pruned",
            _OLDER(days=days),
            outcome=trail.Outcome.SUCCEEDED,
            detail={"deleted": count},
            actor_name="prune_audit",
        )
        self.stdout.write(f"{count} audit entries deleted.")
