"""Lists that are sorted and cut into pages on the server: `?sort=name`, `?sort=-name`, `?page=2`.

What cannot be sorted or paged by is taken for the default, as in every filter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

ROWS_A_PAGE = 40
MOST_ROWS_A_PAGE = 1000
Row = TypeVar("Row")
# What rows are sorted by in each column; None is unknown, and comes last in either direction.
Columns = Mapping[str, Callable[[Row], Any]]


@dataclass(frozen=True)
class Order:
    """By which column a list is sorted; by none it is as the query returned it."""

    column: str = ""
    is_descending: bool = False

    @classmethod
    def of(cls, text: str, columns: Columns[Any]) -> "Order":
        """The order that `name` or `-name` requests."""
        name = text.removeprefix("-")
        return cls(name, text.startswith("-")) if name in columns else cls()

    def applied(self, rows: Iterable[Row], columns: Columns[Row]) -> list[Row]:
        """The rows in this order; equal ones stay as they are."""
        if not self.column:
            return list(rows)
        key = columns[self.column]
        known, unknown = list[Row](), list[Row]()
        for row in rows:
            (unknown if key(row) is None else known).append(row)
        return sorted(known, key=key, reverse=self.is_descending) + unknown


def listing(
    request: HttpRequest, rows: Iterable[Row], columns: Columns[Row]
) -> tuple[Order, Page[Row]]:
    """The order that a request wants, and its page of these rows."""
    order = Order.of(request.GET.get("sort", ""), columns)
    paginator = Paginator(order.applied(rows, columns), ROWS_A_PAGE)
    return order, paginator.get_page(request.GET.get("page"))
