"""Reports on usage as JSON: two dimensions crossed, and two selections side by side."""

from collections.abc import Callable
from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from usage.api.amounts import added, last_day
from usage.api.conditional import respond
from usage.api.filters import filtered_by_upstream, invalid_fields, invalid_query
from usage.api.summary_body import (
    Body,
    camel,
    columns_body,
    filters_body,
    measures_body,
    period_body,
    starts_body,
)
from usage.forms.comparison import ComparisonQueryForm
from usage.forms.queries import QueryForm
from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.reports.comparison import Selection, Side
from usage.reports.comparison import comparison as comparison_of
from usage.reports.matrix import Cell, Line
from usage.reports.matrix import matrix as matrix_of

# Default and largest number of rows and columns.
_TOP_OF_MATRIX = (25, 100)


@require_GET
@signed_in
@filtered_by_upstream
def matrix(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&group_by=key,model&top=&order_by=` and filters: the first dimension in rows,
    the second in columns."""
    form = QueryForm(request.GET, scope=Scope.of(request.user), top=_TOP_OF_MATRIX)
    if form.is_valid() and len(form.cleaned_data["group_by"]) != 2:
        form.add_error(
            "group_by",
            gettext("expected two dimensions, got %(text)s")
            % {"text": f"{request.GET.get('group_by', '')[:40]!r}"},
        )
    if not form.is_valid():
        return invalid_query(form)
    query = form.query()
    return _respond(request, "matrix", query, query, lambda: _matrix_body(query))


@require_GET
@signed_in
@filtered_by_upstream
def comparison(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&bucket=&against=&other=` and filters: what they accept, and the same of the
    period before or of another value of a dimension."""
    form = ComparisonQueryForm(request.GET, scope=Scope.of(request.user), max_groups=0)
    if not form.is_valid():
        return invalid_query(form)
    queries, against = form.queries(), form.cleaned_data["against"]
    return _respond(
        request, "comparison", queries[0], queries, lambda: _comparison_body(queries, against)
    )


def _respond(
    request: HttpRequest,
    name: str,
    query: SummaryQuery,
    key: object,
    compute: Callable[[], Body],
) -> HttpResponse:
    try:
        more = added(request, last_day(query.period))
        return respond(request, name, ("JSON", key, more), query.scope, lambda: more.to(compute()))
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)


def _matrix_body(query: SummaryQuery) -> Body:
    found = matrix_of(query)
    data = {
        "period": period_body(query.period),
        "filters": filters_body(query.filters),
        "groupBy": [dimension.value for dimension in query.groups],
        "top": query.top,
        "orderBy": camel(query.order),
        "rows": [_line(line) for line in found.rows],
        "columns": [_line(line) for line in found.columns],
        "cells": [[cell and _cell(cell) for cell in row] for row in found.cells],
        "totals": _cell(found.total),
    }
    return {"data": data, "isAdmin": query.scope.sees_everything}


def _line(line: Line) -> Body:
    """A row or a column; the rest has no value but says how many it sums."""
    name = line.name
    named = {"value": name.value, "label": name.label} if name else {"groups": line.others}
    return {**named, "totals": _cell(line.total)}


def _cell(cell: Cell) -> Body:
    return {camel(name): value for name, value in asdict(cell).items()}


def _comparison_body(queries: tuple[SummaryQuery, SummaryQuery], against: str) -> Body:
    one, _ = queries
    sides = comparison_of([Selection(query, query.period) for query in queries])
    data = {
        "against": against,
        "bucket": one.bucket.value,
        "sides": [_side(query, side) for query, side in zip(queries, sides, strict=True)],
    }
    return {"data": data, "isAdmin": one.scope.sees_everything}


def _side(query: SummaryQuery, side: Side) -> Body:
    return {
        "period": period_body(query.period),
        "filters": filters_body(query.filters),
        "totals": measures_body(side.totals),
        "series": {"starts": starts_body(query), "values": columns_body(side.points)},
    }
