"""The first steps of an installation, which the Overview shows to staff until each is done or
skipped: connect an upstream, name client keys, invite people.

Whether a step is done is read from what there is; only that one was skipped is stored, for all
staff. Skipping a step twice, or by two at once, is skipping it once.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.audit import trail
from providers.models import ClientKey
from usage.models import SkippedStep


@dataclass(frozen=True)
class Step:
    """One step: what it is, why, where it is done (the name of an address), and whether it is done
    or was skipped."""

    name: str
    title: Promise
    why: Promise
    url_name: str
    is_done: bool
    is_skipped: bool

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return not (self.is_done or self.is_skipped)


_STEPS = (
    (
        "upstream",
        _("Connect your upstream"),
        _(
            "Set CLIPROXYAPI_MANAGEMENT_URL and MANAGEMENT_API_KEY and start again, or add one in"
            " the administration."
        ),
        "admin:management_proxy_upstream_add",
    ),
    (
        "keys",
        _("Name your keys"),
        _("A client key with a name and an owner shows who used what."),
        "providers:client-keys",
    ),
    (
        "people",
        _("Invite people"),
        _("They see the usage of their own keys, and manage what they own."),
        "users:invite",
    ),
)
STEPS = tuple(name for name, *_rest in _STEPS)


def open_steps(user: User) -> list[Step]:
    """All steps for staff while one is open; nothing afterwards, nor for other users."""
    if not user.is_staff:
        return []
    skipped = set(SkippedStep.objects.values_list("name", flat=True))
    if skipped.issuperset(STEPS):
        return []
    done = {
        "upstream": Upstream.objects.filter(is_enabled=True, is_simulated=False).exists(),
        "keys": ClientKey.objects.exclude(name="").exists(),
        "people": User.objects.exclude(pk=user.pk).exists(),
    }
    steps = [Step(*step, done[step[0]], step[0] in skipped) for step in _STEPS]
    return steps if any(step.is_open for step in steps) else []


@transaction.atomic
def skip(names: tuple[str, ...], by: User) -> None:
    """Show these steps no more."""
    SkippedStep.objects.bulk_create(
        [SkippedStep(name=name) for name in names], ignore_conflicts=True
    )
    trail.record(
        by,
        "first_steps.skipped",
        ", ".join(names),
        outcome=trail.Outcome.SUCCEEDED,
    )
