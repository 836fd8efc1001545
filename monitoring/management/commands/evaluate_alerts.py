"""`manage.py evaluate_alerts`: evaluate the alert rules once and send what is due."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitoring.alerts.delivery.attempts import deliver
from monitoring.alerts.delivery.outbox import claim_due
from monitoring.alerts.engine import evaluate
from monitoring.alerts.worker import LEASE, TTL_SECONDS
from monitoring.leases import acquire, heartbeat, release

EXIT_IN_PROGRESS = 3


class Command(BaseCommand):
    """Exit codes: 0 done, 1 a rule cannot be evaluated, 3 another process evaluates them."""

    help = (
        "Evaluate every alert rule once and send the messages that are due; collector and web"
        " server do so by themselves. Exit codes: 0 done, 1 a rule cannot be evaluated, 3 another"
        " process evaluates them."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        term = acquire(LEASE, TTL_SECONDS)
        if term is None:
            raise CommandError("another process evaluates the rules", returncode=EXIT_IN_PROGRESS)
        try:
            with heartbeat(term):
                done = evaluate(term)
                while claims := claim_due():
                    for claim in claims:
                        deliver(claim)
        finally:
            release(term)
        self.stdout.write(f"{done.fired} fired, {done.resolved} resolved")
        for name, reason in done.errors.items():
            self.stderr.write(f"{name}: {reason}")
        if done.errors:
            raise SystemExit(1)
