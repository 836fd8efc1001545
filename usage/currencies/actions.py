"""What changes about currencies: new rates, which is audited, and what a user wants to see."""

from datetime import date
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User

from monitoring.audit import trail
from usage.models import CurrencyRate, DisplayCurrency


def set_rate(currency: str, rate: Decimal, holds_from: date, actor: User) -> CurrencyRate:
    """Store a rate, which supersedes another one of the same day."""
    made = CurrencyRate.objects.create(
        currency=currency, rate=rate, holds_from=holds_from, created_by=actor.get_username()
    )
    trail.record(
        actor,
        "currency.rate_set",
        currency,
        outcome=trail.Outcome.SUCCEEDED,
        detail={"rate": f"{rate.normalize():f}", "holds_from": holds_from.isoformat()},
    )
    return made


def choose(currency: str, user: User) -> None:
    """Let a user see amounts in a currency; the installation's is followed wherever it goes."""
    if currency == settings.CURRENCY:
        DisplayCurrency.objects.filter(user=user).delete()
    else:
        DisplayCurrency.objects.update_or_create(user=user, defaults={"currency": currency})
