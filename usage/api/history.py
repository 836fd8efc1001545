"""JSON of history: the contract of the present dashboard, and summary, series and breakdown beside
it (docs/api.md)."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from usage.api.amounts import added, last_day
from usage.api.conditional import respond
from usage.api.failures_body import failures_body
from usage.api.filters import filtered_by_upstream, invalid_fields, invalid_query
from usage.api.history_body import history as history_of
from usage.api.summary_body import Body, breakdown_body, series_body, summary_body
from usage.failure_report.bodies import newest_bodies
from usage.failure_report.report import ReportQuery, report
from usage.forms.queries import QueryForm
from usage.forms.windows import FilteredForm
from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.history.summaries import breakdown as breakdown_of
from usage.history.summaries import series as series_of
from usage.history.summaries import summary as summary_of
from usage.history.windows import Period

# Default and largest number of groups that are shown.
_TOP_OF_SERIES = (10, 50)

T = TypeVar("T")


@require_GET
@signed_in
@filtered_by_upstream
def history(request: HttpRequest) -> HttpResponse:
    """`?from=&to=[&tz=]` and a filter per dimension: dashboard contract in
    usage/api/history_body.py."""
    scope = Scope.of(request.user)
    form = FilteredForm(request.GET, scope=scope)
    if not form.is_valid():
        return invalid_query(form)
    window, filters = form.window(), form.filters
    return _respond_or_refuse(
        request,
        "history",
        (window, filters),
        window.period,
        scope,
        lambda: history_of(window, scope, filters),
    )


@require_GET
@signed_in
@filtered_by_upstream
def summary(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&bucket=&compare=previous` and filters: totals with percentiles, and a
    series."""
    return _respond(request, "summary", summary_of, summary_body, max_groups=0)


@require_GET
@signed_in
@filtered_by_upstream
def series(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&bucket=&group_by=&top=&order_by=&percentiles=` and filters: measures by
    bucket and group."""
    return _respond(request, "series", series_of, series_body, top=_TOP_OF_SERIES)


@require_GET
@signed_in
@filtered_by_upstream
def breakdown(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&group_by=&top=&order_by=&percentiles=` and filters: measures by group."""
    return _respond(request, "breakdown", breakdown_of, breakdown_body)


@require_GET
@signed_in
@filtered_by_upstream
def failures(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&bucket=` and filters: failures by class, over time, against the period
    before, by model, credential and key, with the newest bodies."""
    scope = Scope.of(request.user)
    form = QueryForm(request.GET, scope=scope, max_groups=0)
    if not form.is_valid():
        return invalid_query(form)
    chosen = form.query()
    query = ReportQuery(chosen.period, chosen.period.previous, scope, chosen.filters, chosen.bucket)
    return _respond_or_refuse(
        request, "failures", query, query.period, scope, lambda: _failures(query)
    )


def _failures(query: ReportQuery) -> Body:
    found = report(query)
    classes = [counted.failure_class.value for counted in found.classes]
    return failures_body(query, found, newest_bodies(query, classes))


def _respond(
    request: HttpRequest,
    name: str,
    read: Callable[[SummaryQuery], T],
    body: Callable[[SummaryQuery, T], Body],
    **limits: Any,
) -> HttpResponse:
    scope = Scope.of(request.user)
    form = QueryForm(request.GET, scope=scope, **limits)
    if not form.is_valid():
        return invalid_query(form)
    query = form.query()
    return _respond_or_refuse(
        request, name, query, query.period, scope, lambda: body(query, read(query))
    )


def _respond_or_refuse(
    request: HttpRequest,
    name: str,
    query: object,
    period: Period,
    scope: Scope,
    compute: Callable[[], Body],
) -> HttpResponse:
    try:
        more = added(request, last_day(period))
        return respond(request, name, (query, more), scope, lambda: more.to(compute()))
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
