"""What staff change about budgets; each act is audited.

Nothing here removes or gives back a client key by itself, but for `give_back`: the next evaluation
finds what has changed.
"""

from datetime import date

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from providers.client_keys import withholding
from providers.models import WithheldKey
from usage.models import Budget, BudgetException

_BUDGET = Recorded(gettext_noop("budget %(name)s"))
_AUDITED = ("scope", "provider", "unit", "period", "rolling_hours", "limit", "warn_at")


class Refused(Exception):
    """It cannot be done; `field` names what is at fault, empty for none."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def save(budget: Budget, actor: User) -> None:
    """Store a new budget, or a changed one. Raises Refused where another has its name."""
    action = "budget.changed" if budget.pk else "budget.created"
    try:
        with transaction.atomic():
            budget.save()
            _audit(actor, action, budget)
    except IntegrityError as error:
        if Budget.objects.filter(name=budget.name).exclude(pk=budget.pk).exists():
            raise Refused(_("Another budget has this name."), "name") from error
        raise


def delete(budget: Budget, actor: User) -> None:
    """Delete it; the client keys that it withholds are given back."""
    with transaction.atomic():
        _audit(actor, "budget.deleted", budget)
        budget.delete()


def make_exception(budget: Budget, day: date, extra: int, reason: str, actor: User) -> None:
    """Raise its limit on one day, in place of an exception of that day that there may be."""
    with transaction.atomic():
        BudgetException.objects.update_or_create(
            budget=budget,
            day=day,
            defaults={"extra": extra, "reason": reason, "made_by": actor.get_username()},
        )
        detail = {"day": day.isoformat(), "extra": extra, "reason": reason}
        _record(actor, "budget.exception_made", budget, detail)


def withdraw_exception(exception: BudgetException, actor: User) -> None:
    """Let the limit be what it was on that day."""
    with transaction.atomic():
        detail = {"day": exception.day.isoformat(), "extra": exception.extra}
        _record(actor, "budget.exception_withdrawn", exception.budget, detail)
        exception.delete()


def give_back(row: WithheldKey, actor: User) -> None:
    """Give a client key back though the limit is reached; in this period it is not removed again.
    Raises ChangeRefused."""
    withholding.give_back(row.pk, actor)


def _audit(actor: User, action: str, budget: Budget) -> None:
    detail = {name: getattr(budget, name) for name in _AUDITED}
    parties = {
        "client_key": budget.client_key_id,
        "user": budget.user_id,
        "upstream": budget.upstream_id,
    }
    detail |= {name: pk for name, pk in parties.items() if pk}
    _record(actor, action, budget, {**detail, "removes_keys": budget.removes_keys})


def _record(actor: User, action: str, budget: Budget, detail: dict[str, object]) -> None:
    trail.record(
        actor,
        action,
        _BUDGET(name=budget),
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )
