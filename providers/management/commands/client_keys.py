"""`manage.py client_keys`: list, create and revoke client keys from a shell."""

import argparse
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from providers.client_keys import actions as keys
from providers.client_keys.actions import Terms
from providers.client_keys.queries import shown_keys
from providers.errors import ChangeRefused
from providers.models import ClientKey, Intent
from providers.web.api import named_upstream

EXIT_UNCERTAIN = 3


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3660:
        raise argparse.ArgumentTypeError(f"expected days between 1 and 3660, got {text[:40]!r}")
    return int(text)


class Command(BaseCommand):
    """Exit codes: 0 done, 1 refused, 3 not certain yet (`manage.py reconcile_providers` settles
    it)."""

    help = "List, create and revoke client keys. Exit codes: 0 done, 1 refused, 3 not certain yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--upstream", metavar="NAME", default="", help="of several")
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every key with owner, state and use")
        create = actions.add_parser("create", help="print new keys, once, one a line")
        create.add_argument("names", nargs="+", metavar="NAME")
        create.add_argument("--owner", metavar="USER")
        create.add_argument("--days", type=_days, help="days until it ends")
        revoke = actions.add_parser("revoke", help="remove a key at once")
        revoke.add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            intents = getattr(self, f"_{options['action']}")(options)
        except ChangeRefused as refusal:
            raise CommandError(
                f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message
            ) from refusal
        failed = [
            intent.error
            for intent in intents
            if intent.is_settled and intent.state != Intent.State.VERIFIED
        ]
        if failed:
            raise CommandError("; ".join(failed))
        if any(not intent.is_settled for intent in intents):
            self.stderr.write("Not certain yet; `manage.py reconcile_providers` settles it.")
            raise SystemExit(EXIT_UNCERTAIN)

    def _list(self, options: dict[str, Any]) -> list[Intent]:
        rows = ClientKey.objects.filter(
            upstream=named_upstream(options["upstream"])
        ).select_related("owner", "upstream")
        for key in shown_keys(rows, None):
            owner = key.row.owner.get_username() if key.row.owner else "-"
            self.stdout.write(
                f"{key.row.pk}\t{key.row.display_name}\t{owner}\t{key.row.state}\t{key.used.requests}"
                f" requests\t{key.used.tokens} tokens"
            )
        return []

    def _create(self, options: dict[str, Any]) -> list[Intent]:
        upstream = named_upstream(options["upstream"])
        owner = _user(options["owner"]) if options["owner"] else None
        terms = Terms(
            expires_at=timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        )
        made = [
            keys.create(
                upstream, None, owner=owner, name=name[:100], terms=terms, reason="from the shell"
            )
            for name in options["names"]
        ]
        for one in made:
            self.stdout.write(one.key)
        return [one.intent for one in made]

    def _revoke(self, options: dict[str, Any]) -> list[Intent]:
        row = ClientKey.objects.filter(pk=options["id"]).select_related("upstream").first()
        if row is None:
            raise ChangeRefused(f"there is no client key {options['id']}")
        return [keys.revoke(row, None, "from the shell")]


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise ChangeRefused(f"there is no user {name[:60]!r}", "owner")
    return user
