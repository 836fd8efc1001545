"""The Failures page, and the unknown bodies."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.web.regions import asks_for_region, polled_page
from monitoring.web.roles import staff_only
from usage.collector.status import collector_status
from usage.failure_report.bodies import newest_bodies
from usage.failure_report.report import Report, report
from usage.failure_report.shapes import unknown_shapes
from usage.failure_report.wrong_now import wrong_now
from usage.history.dimensions import InvalidQuery
from usage.history.freshness import wants_fresh
from usage.history.replica import read
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.web.failures.figures import Figures
from usage.web.filter_bar import filter_bar, query_pairs
from usage.web.forms import FailuresForm
from usage.web.links import Links


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = FailuresForm(request.GET, scope=Scope.of(request.user))
    is_region = asks_for_region(request)
    context: dict[str, object] = {"form": form, "as_of": None}
    if form.is_valid():
        try:
            context |= _figures(request, form)
        except InvalidQuery as wrong:
            form.refuse(wrong)
    context |= {} if is_region and form.is_valid() else filter_bar(request, form)
    if not form.is_valid():
        return render(request, "usage/failures/page.html", context, status=400)
    with timezone.override(form.window().zone):
        return polled_page(request, "usage/failures/page.html", context)


def _figures(request: HttpRequest, form: FailuresForm) -> dict[str, object]:
    now, window = timezone.now(), form.window()
    query = form.report_query(now)
    result = cached(
        "failures page", query, query.scope, lambda: report(query), fresh=wants_fresh(request)
    )
    bodies, _ = read(lambda: newest_bodies(query, _classes(result.value)))
    figures = Figures(query, window, result.value, query_pairs(request), now)
    return {
        "as_of": result.as_of,
        "collector": collector_status(),
        "window": window,
        "page_query": query,
        "found": result.value,
        "wrong": wrong_now(request.user),
        **figures.context(bodies),
    }


def _classes(found: Report) -> list[str]:
    return [counted.failure_class.value for counted in found.classes]


@require_GET
@never_cache
@staff_only
def unknown_bodies(request: HttpRequest) -> HttpResponse:
    """Bodies that no rule knows, by shape."""
    form = FailuresForm(request.GET, scope=Scope.of(request.user))
    context: dict[str, object] = {"form": form, "as_of": None, **filter_bar(request, form)}
    if not form.is_valid():
        return render(request, "usage/failures/unknown.html", context, status=400)
    query = form.report_query(timezone.now())
    result = cached("unknown bodies", query, query.scope, lambda: unknown_shapes(query))
    links = Links(query_pairs(request), form.window().zone)
    context |= {
        "as_of": result.as_of,
        "collector": collector_status(),
        "window": form.window(),
        "found": result.value,
        "rows": [
            (shape, links.events([("failure_class", shape.failure_class.value)]))
            for shape in result.value.shapes
        ],
    }
    with timezone.override(form.window().zone):
        return render(request, "usage/failures/unknown.html", context)
