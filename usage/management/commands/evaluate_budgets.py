"""`manage.py evaluate_budgets`: evaluate all budgets, as the collector does every few seconds."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitoring import periodic
from usage.budgets.evaluation import TASK


class Command(BaseCommand):
    """Does it under the task's lease; exit status 1 if another process does it already."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        if not periodic.run(TASK, only_if_due=False):
            raise CommandError("Another process evaluates budgets just now.")
