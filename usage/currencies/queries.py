"""The rate of a currency on a day, and the currency of a user."""

from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitoring.web.currency import DOLLAR, Currency, showing
from usage.models import CurrencyRate

# The last rate that holds on a day: a day without one has the last earlier one's.
_RATE = """
    SELECT r.rate, r.holds_from FROM usage_currencyrate AS r
    WHERE r.currency = wanted.code AND r.holds_from <= %(day)s
    ORDER BY r.holds_from DESC, r.id DESC LIMIT 1
"""
_OF_USER = f"""
    /* usage.currencies.of_user */
    SELECT wanted.code, r.rate, r.holds_from
    FROM (
        SELECT coalesce(
            (SELECT currency FROM usage_displaycurrency WHERE user_id = %(user)s), %(default)s
        ) AS code
    ) AS wanted LEFT JOIN LATERAL ({_RATE}) AS r ON true
"""
_OF_CODE = f"""
    /* usage.currencies.of_code */
    SELECT wanted.code, r.rate, r.holds_from
    FROM (SELECT %(code)s::text AS code) AS wanted LEFT JOIN LATERAL ({_RATE}) AS r ON true
"""


def currency_of(user_id: int | None, day: date) -> Currency:
    """What a user wants to see amounts in, else the installation's, with its rate on a day or, if
    that is yet to come, today."""
    return _found(_OF_USER, day, user=user_id, default=settings.CURRENCY)


def currency_on(code: str, day: date) -> Currency:
    """A currency with its rate on a day or, if that is yet to come, today."""
    return Currency() if code == DOLLAR else _found(_OF_CODE, day, code=code)


def showing_of(user: Any, day: date) -> AbstractContextManager[None]:
    """Show amounts as a user wants them, at the rate of a day."""
    return showing(lambda: currency_of(user.pk, day))


def known_currencies() -> list[str]:
    """Dollars, and every currency that has a rate."""
    codes = CurrencyRate.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return [DOLLAR, *codes]


def _found(sql: str, day: date, **parameters: Any) -> Currency:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters | {"day": min(day, timezone.localdate())})
        return Currency(*cursor.fetchone())
