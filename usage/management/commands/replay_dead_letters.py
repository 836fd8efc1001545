"""`manage.py replay_dead_letters`: list, replay or discard what could not be stored."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from usage.ingest.dead_letters import discard, replay
from usage.models import DeadLetter

EXIT_STILL_DEAD = 1


class Command(BaseCommand):
    """Replay pending dead letters; those that still cannot be stored stay."""

    help = (
        "Replay pending dead letters after a fix, all or chosen ones. Exit code 1 if some still"
        " cannot be stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
        parser.add_argument("--id", type=int, nargs="+", metavar="ID", help="only these")
        parser.add_argument(
            "--reason",
            choices=DeadLetter.Reason.values,
            help="only those that could not be stored for this reason",
        )
        parser.add_argument("--upstream", metavar="NAME", help="only those of this upstream")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--list", action="store_true", help="list them as JSON lines and change nothing"
        )
        what.add_argument("--discard", metavar="WHY", help="give them up for this reason instead")

    def handle(self, *args: Any, **options: Any) -> None:
        letters = _chosen(options)
        if options["list"]:
            for letter in letters.iterator():
                self.stdout.write(json.dumps(_line(letter)))
        elif options["discard"] is not None:
            self._discard(letters, options["discard"])
        else:
            replayed = replay(letters.iterator())
            self.stdout.write(str(replayed))
            if replayed.still_dead:
                raise SystemExit(EXIT_STILL_DEAD)

    def _discard(self, letters: QuerySet[DeadLetter], why: str) -> None:
        try:
            self.stdout.write(f"{discard(letters, why)} discarded")
        except ValueError as error:
            raise CommandError(f"--discard: {error}") from error


def _chosen(options: dict[str, Any]) -> QuerySet[DeadLetter]:
    letters = (
        DeadLetter.objects.filter(state=DeadLetter.State.PENDING)
        .select_related("upstream")
        .order_by("pk")
    )
    if options["id"]:
        letters = letters.filter(pk__in=options["id"])
    if options["reason"]:
        letters = letters.filter(reason=options["reason"])
    if options["upstream"]:
        letters = letters.filter(upstream__name=options["upstream"])
    return letters


def _line(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.pk,
        "upstream": letter.upstream.name,
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": letter.payload_bytes,
        "batch": letter.batch,
        "position": letter.position,
        "createdAt": letter.created_at.isoformat(),
    }
