"""`manage.py reconcile_providers`: compare what we believe with what the upstreams have, and fix
it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.registry import ensure_environment_upstream
from providers.drift.actions import Outcome, reconcile
from providers.drift.queries import Difference, compare
from providers.errors import ChangeRefused
from providers.models import Intent
from providers.web.api import named_upstream

EXIT_DIFFERENT = 3


class Command(BaseCommand):
    """Exit codes: 0 they agree, 1 an upstream was unreachable, 3 differences are left."""

    help = (
        "Compare provider keys and client keys with the upstreams. With --apply: finish interrupted"
        " changes and restore what was lost; with a direction also fix all the rest. Exit codes:"
        " 0 they agree, 1 an upstream was unreachable, 3 differences are left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="change something; without it nothing is"
        )
        parser.add_argument(
            "--direction",
            choices=("here", "there"),
            help="here: restore our state on the upstream; there: accept the upstream's",
        )
        parser.add_argument(
            "--upstream", metavar="NAME", help="only this upstream; all of them if not given"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_environment_upstream()
        try:
            upstreams = (
                [named_upstream(options["upstream"])]
                if options["upstream"]
                else list(Upstream.objects.all())
            )
        except ChangeRefused as refusal:
            raise CommandError(refusal.message) from refusal
        left = [self._one(upstream, options) for upstream in upstreams]
        if None in left:
            raise SystemExit(1)
        if any(left):
            raise SystemExit(EXIT_DIFFERENT)

    def _one(self, upstream: Upstream, options: dict[str, Any]) -> int | None:
        """How many differences are left; None if the upstream could not be reached."""
        try:
            if options["apply"]:
                return self._report(upstream, reconcile(upstream, direction=options["direction"]))
            waiting = Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED).count()
            differences = compare(upstream, client_for(upstream))
        except UpstreamError as error:
            self.stderr.write(f"{upstream.name}: unreachable: {error}")
            return None
        self.stdout.write(
            f"{upstream.name}: {len(differences)} differences, {waiting} changes not settled"
        )
        for difference in differences:
            self._print(difference, difference.detail)
        return len(differences) + waiting

    def _report(self, upstream: Upstream, outcome: Outcome) -> int:
        left = len(outcome.left) + len(outcome.refused)
        self.stdout.write(f"{upstream.name}: {len(outcome.fixed)} fixed, {left} left")
        for difference in outcome.fixed:
            self._print(difference, "fixed")
        for difference, reason in [*((d, d.detail) for d in outcome.left), *outcome.refused]:
            self._print(difference, reason)
        return left

    def _print(self, difference: Difference, remark: str) -> None:
        self.stdout.write(
            "\t".join(
                filter(
                    None,
                    (
                        "",
                        difference.kind,
                        difference.thing,
                        difference.label,
                        difference.owner,
                        remark,
                    ),
                )
            )
        )
