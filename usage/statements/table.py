"""A statement as CSV: one row for each client key or user, and the total."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from monitoring.web.currency import Currency
from usage.models import Statement
from usage.statements.lines import SUMS, Line

# A spreadsheet would take a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
TOTAL = "Total"


def csv_of(
    statement: Statement, lines: Iterable[Line], total: Line, currency: Currency | None = None
) -> str:
    """The file. Costs are dollars to the nano-dollar, so that sums of them are exact; empty without
    a price. With a currency both costs are in that as well."""
    text = io.StringIO()
    out = csv.writer(text)
    names = [f"{name}_usd" if name.endswith("cost") else name for name in SUMS]
    more = ["currency", "rate", "rate_day", "cost", "list_cost"] if currency else []
    out.writerow(["month", "statement", "user", "key", *names, *more])
    for line in lines:
        out.writerow(_row(statement, line, _harmless(line.user), currency))
    out.writerow(_row(statement, total, TOTAL, currency))
    return text.getvalue()


def _row(statement: Statement, line: Line, user: str, currency: Currency | None) -> list[object]:
    values = [_written(name, getattr(line, name)) for name in SUMS]
    more = _converted(line, currency) if currency else []
    return [f"{statement.month:%Y-%m}", statement.pk, user, _harmless(line.key), *values, *more]


def _converted(line: Line, currency: Currency) -> list[object]:
    costs = [None if cost is None else currency.of(cost) for cost in (line.cost, line.list_cost)]
    rate = 1 if currency.rate is None else f"{currency.rate.normalize():f}"
    return [currency.code, rate, currency.since, *(_written("cost", cost) for cost in costs)]


def _written(name: str, value: int | None) -> object:
    if not name.endswith("cost") or value is None:
        return value
    return f"{Decimal(value).scaleb(-9):.9f}"


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
