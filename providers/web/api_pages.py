"""Lists of the JSON API in order and in pages: `?sort=&page=&pageSize=`; without a page all of
them, as before there were pages."""

from collections.abc import Iterable
from typing import TypeVar

from django.http import HttpRequest

from providers.errors import ChangeRefused
from providers.web.listing import MOST_ROWS_A_PAGE, ROWS_A_PAGE, Columns, Order

Row = TypeVar("Row")


def page_of(
    request: HttpRequest, rows: Iterable[Row], columns: Columns[Row]
) -> tuple[list[Row], int]:
    """The rows that a request wants, and how many there are. Raises ChangeRefused naming the
    parameter."""
    sort = request.GET.get("sort", "")
    order = Order.of(sort, columns)
    if sort and not order.column:
        raise ChangeRefused(f"expected one of {', '.join(columns)}, or -name", "sort")
    sorted_rows = order.applied(rows, columns)
    if "page" not in request.GET and "pageSize" not in request.GET:
        return sorted_rows, len(sorted_rows)
    size = _number(request, "pageSize", ROWS_A_PAGE, MOST_ROWS_A_PAGE)
    first = (_number(request, "page", 1, 10**9) - 1) * size
    return sorted_rows[first : first + size], len(sorted_rows)


def _number(request: HttpRequest, name: str, default: int, most: int) -> int:
    text = request.GET.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= most:
        raise ChangeRefused(f"expected a whole number from 1 to {most}", name)
    return int(text)
