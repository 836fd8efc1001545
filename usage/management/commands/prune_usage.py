"""`manage.py prune_usage`: drop the events that have had their time."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.models import PeriodicTask
from monitoring.periodic import run
from usage.upkeep.retention import old_months
from usage.upkeep.tasks import PRUNE


class Command(BaseCommand):
    """Exit codes: 0 done, 1 not done, with the reason."""

    help = (
        "Drop events older than EVENT_RETENTION_MONTHS, whole months at a time; rollups stay. The"
        " collector's loop does this every night."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="only show what would be dropped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            for old in old_months():
                self.stdout.write(
                    f"would drop {old.month:%Y-%m}: {old.events:,} events,"
                    f" {old.size_bytes / 2**20:,.0f} MiB"
                )
            return
        if not run(PRUNE, only_if_due=False):
            raise CommandError("another process is pruning")
        task = PeriodicTask.objects.get(name=PRUNE.name)
        if task.status != PeriodicTask.Status.SUCCEEDED:
            raise CommandError(task.outcome)
        self.stdout.write(task.outcome)
