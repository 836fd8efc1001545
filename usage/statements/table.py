"""A statement as CSV: one row for each client key or user, and the total."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from usage.models import Statement
from usage.statements.lines import SUMS, Line

# A spreadsheet would take a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
TOTAL = "Total"


def csv_of(statement: Statement, lines: Iterable[Line], total: Line) -> str:
    """The file. Costs are dollars to the nano-dollar, so that sums of them are exact; empty without
    a price."""
    text = io.StringIO()
    out = csv.writer(text)
    names = [f"{name}_usd" if name.endswith("cost") else name for name in SUMS]
    out.writerow(["month", "statement", "user", "key", *names])
    for line in lines:
        out.writerow(_row(statement, line, _harmless(line.user)))
    out.writerow(_row(statement, total, TOTAL))
    return text.getvalue()


def _row(statement: Statement, line: Line, user: str) -> list[object]:
    values = [_written(name, getattr(line, name)) for name in SUMS]
    return [f"{statement.month:%Y-%m}", statement.pk, user, _harmless(line.key), *values]


def _written(name: str, value: int | None) -> object:
    if not name.endswith("cost") or value is None:
        return value
    return f"{Decimal(value).scaleb(-9):.9f}"


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
