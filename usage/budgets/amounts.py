"""Amounts of a budget's unit as people read and enter them; stored are whole numbers, dollars as
nano-dollars."""

from decimal import Decimal

from django.utils.translation import ngettext

from monitoring.templatetags.figures import exact, money
from usage.models import Budget
from usage.models.budgets import LARGEST_AMOUNT

_NANO = 10**9
Unit = Budget.Unit


def shown(unit: str, amount: int) -> str:
    """`$12.34` or what that is in the page's currency, `1,200 tokens`, `1 request`."""
    if unit == Unit.DOLLARS:
        return money(amount)
    texts = {"count": exact(amount)}
    if unit == Unit.TOKENS:
        return ngettext("%(count)s token", "%(count)s tokens", amount) % texts
    return ngettext("%(count)s request", "%(count)s requests", amount) % texts


def stored(unit: str, entered: Decimal) -> int:
    """The amount that a number means. Raises ValueError if it is none that can be stored."""
    exact = entered * _NANO if unit == Unit.DOLLARS else entered
    if exact != exact.to_integral_value() or not 0 < exact <= LARGEST_AMOUNT:
        raise ValueError(f"{entered} {unit}")
    return int(exact)


def entered(unit: str, amount: int) -> Decimal:
    """The inverse of `stored`."""
    return (Decimal(amount) / _NANO).normalize() if unit == Unit.DOLLARS else Decimal(amount)
