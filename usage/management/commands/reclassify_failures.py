"""`manage.py reclassify_failures`: read the bodies of stored failures again."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from usage.upkeep.reclassify import reclassify


class Command(BaseCommand):
    """Exit code 0 when every day is done; it may be killed and run again at any time."""

    help = "Class stored failures by the present rules, day by day, while collection continues."

    def handle(self, *args: Any, **options: Any) -> None:
        changed = 0
        for day, events in reclassify():
            changed += events
            if events:
                self.stdout.write(f"{timezone.localtime(day):%Y-%m-%d}: {events:,} events")
        self.stdout.write(f"{changed:,} events have another class")
