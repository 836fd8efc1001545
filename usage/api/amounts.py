"""What a request adds to bodies with costs: `currency=` amounts in another currency,
`figures=costs` what they come to by request, by token and against the price list.

Bodies are walked, and whatever has `costNanoUsd`, a number or a list of them, gets more beside it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest

from monitoring.web.currency import Currency
from usage.currencies.queries import currency_on
from usage.history.dimensions import InvalidQuery
from usage.history.measures import cost_of_each
from usage.history.windows import Period
from usage.models.currencies import CODE

_SUFFIX = "NanoUsd"
_COUNTED = ("costNanoUsd", "listCostNanoUsd", "requests", "totalTokens")


@dataclass(frozen=True)
class Added:
    """What is wanted beside costs."""

    currency: Currency | None = None
    figures: bool = False

    def to(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body with it; the currency is named in its `data`, if it has any, else in itself."""
        extended: dict[str, Any] = self._extended(body) if self.currency or self.figures else body
        if self.currency:
            extended.get("data", extended)["currency"] = currency_body(self.currency)
        return extended

    def _extended(self, body: Any) -> Any:
        if isinstance(body, list):
            return [self._extended(member) for member in body]
        if not isinstance(body, dict):
            return body
        more: dict[str, Any] = {}
        if self.figures and "costNanoUsd" in body and "totalTokens" in body:
            more["costFigures"] = _figures(body)
        more = {name: self._extended(member) for name, member in (body | more).items()}
        if self.currency and any(name.endswith(_SUFFIX) for name in body):
            more["converted"] = _converted(body, self.currency)
        return more


def added(request: HttpRequest, day: date) -> Added:
    """What a request wants beside costs, in the rate of a day. Raises InvalidQuery."""
    code, figures = request.GET.get("currency", ""), request.GET.get("figures", "")
    if figures not in ("", "costs"):
        raise InvalidQuery({"figures": f"expected costs, got {figures[:40]!r}"})
    return Added(currency_of(code, day), bool(figures))


def currency_of(code: str, day: date) -> Currency | None:
    """The currency of a code, None for an empty one. Raises InvalidQuery."""
    if code and not re.fullmatch(CODE, code):
        raise InvalidQuery({"currency": f"expected three letters such as EUR, got {code[:40]!r}"})
    return currency_on(code, day) if code else None


def last_day(period: Period) -> date:
    """The last day of a period, in its zone."""
    return (period.end - timedelta(microseconds=1)).astimezone(period.zone).date()


def currency_body(currency: Currency) -> dict[str, str | None]:
    """The currency of `converted` amounts; dollars where the requested one has no rate."""
    return {
        "requested": currency.wanted,
        "code": currency.code,
        "rate": None if currency.rate is None else f"{currency.rate.normalize():f}",
        "rateDay": currency.since.isoformat() if currency.since else None,
    }


def _converted(body: dict[str, Any], currency: Currency) -> dict[str, Any]:
    amounts: dict[str, Any] = {
        f"{name.removesuffix(_SUFFIX)}Nano": _each(value, currency.of)
        for name, value in body.items()
        if name.endswith(_SUFFIX)
    }
    if isinstance(kinds := body.get("cost"), dict):
        amounts["cost"] = {kind: _each(value, currency.of) for kind, value in kinds.items()}
    return amounts


def _each(value: Any, change: Callable[[int], int]) -> Any:
    if isinstance(value, list | tuple):
        return [_each(member, change) for member in value]
    return None if value is None else change(value)


def _figures(counts: dict[str, Any]) -> dict[str, Any]:
    columns = [counts[name] for name in _COUNTED]
    if not isinstance(columns[0], list | tuple):
        return _of_counts(*columns)
    rows = [_of_counts(*row) for row in zip(*columns, strict=True)]
    return _as_columns(rows)


def _as_columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: [row[name] for row in rows] for name in _of_counts(None, None, 0, 0)}


def _of_counts(
    cost: int | None, listed: int | None, requests: int, tokens: int
) -> dict[str, int | None]:
    return {
        "perThousandRequestsNanoUsd": cost_of_each(cost, 1_000, requests),
        "perMillionTokensNanoUsd": cost_of_each(cost, 1_000_000, tokens),
        "belowListNanoUsd": None if cost is None or listed is None else listed - cost,
    }
