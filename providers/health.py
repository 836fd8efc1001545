"""What is wrong with what we manage: differences with an upstream, changes that do not settle, and
client keys that cannot be removed or given back."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from monitoring.health import Action, Finding, Level
from providers.models import DriftCheck, Intent, WithheldKey

_LONG = timedelta(minutes=5)
_MOST_SHOWN = 20


def check_differences() -> Iterator[Finding]:
    """A warning for each upstream that lost or changed something of ours, as last compared."""
    for check in DriftCheck.objects.select_related("upstream").filter(upstream__is_enabled=True):
        ours = [
            d for d in check.differences if d["kind"] != "only there" or "revoked" in d["detail"]
        ]
        if ours:
            first = f"{ours[0]['thing']} {ours[0]['label']} ({ours[0]['kind']})"
            more = f" and {len(ours) - 1} more" if len(ours) > 1 else ""
            yield Finding(
                Level.WARNING,
                f"The upstream differs from what Tollgate manages: {first}{more}.",
                "Keys in use may be missing or changed, or revoked ones present again; another"
                " tool writes this upstream, too.",
                "Choose a direction for each difference, or run manage.py"
                " reconcile_providers --apply.",
                subject=check.upstream.name,
                action=Action("Differences", "providers:drift", is_link=True),
            )


def check_unsettled() -> Iterator[Finding]:
    """A warning for changes whose outcome has been uncertain for long."""
    old = Intent.objects.filter(
        state__in=Intent.UNSETTLED, requested_at__lt=timezone.now() - _LONG
    ).select_related("upstream")
    for name in sorted({intent.upstream.name for intent in old}):
        yield Finding(
            Level.WARNING,
            "Changes have been waiting for more than five minutes, or their outcome is unknown.",
            "Whether the upstream has them is not certain.",
            "Make sure that the collector runs, which settles them, or run manage.py"
            " reconcile_providers --apply.",
            subject=name,
            action=Action("Changes", "providers:changes", is_link=True),
        )


def check_withheld() -> Iterator[Finding]:
    """Client keys that could not be removed at a limit, or not be given back after it."""
    failed = WithheldKey.objects.exclude(error="").select_related("client_key__upstream")
    for row in failed[:_MOST_SHOWN]:
        name, is_away = row.client_key.display_name, row.state == WithheldKey.State.WITHHELD
        verb = "given back" if is_away else "removed"
        yield Finding(
            Level.ERROR if is_away else Level.WARNING,
            f"Client key {name} could not be {verb}: {row.error}.",
            "Its clients are refused though they need not be."
            if is_away
            else "It works on beyond the limit that should remove it.",
            "Tollgate tries again by itself; see that the upstream responds, and the runbook's"
            " section about budgets.",
            subject=row.client_key.upstream.name,
            action=Action("Client key", "providers:client-key", (row.client_key_id,), is_link=True),
        )
