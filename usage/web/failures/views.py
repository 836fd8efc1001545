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
from usage.failure_report.bodies import Body, newest_bodies
from usage.failure_report.report import Report, ReportQuery, report
from usage.failure_report.shapes import unknown_shapes
from usage.failure_report.wrong_now import wrong_now
from usage.history.dimensions import InvalidQuery
from usage.history.freshness import wants_fresh
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.history.snapshot import one_instant
from usage.history.windows import present_quarter
from usage.web.failures.figures import Figures
from usage.web.filter_bar import filter_bar, query_pairs
from usage.web.forms import FailuresForm
from usage.web.links import Links

# The report, and the newest bodies of each of its classes.
Found = tuple[Report, dict[str, list[Body]]]


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = FailuresForm(request.GET, scope=Scope.of(request.user))
    if not form.is_valid():
        return _refused(request, form)
    query = form.report_query(timezone.now())
    try:
        result = _read(request, query)
    except InvalidQuery as error:
        form.refuse(error)
        return _refused(request, form)
    wrong = wrong_now(request.user)
    context: dict[str, object] = {
        "form": form,
        "as_of": result.as_of,
        "collector": collector_status(),
        "window": form.window(),
        "wrong": wrong,
    }
    context |= {} if asks_for_region(request) else filter_bar(request, form)
    with timezone.override(form.window().zone):
        return polled_page(
            request,
            "usage/failures/page.html",
            context,
            # While something is wrong, its age is part of the region.
            version=(result.version, present_quarter()) if wrong.is_quiet else None,
            drawn=lambda: _figures(request, form, query, result),
        )


def _refused(request: HttpRequest, form: FailuresForm) -> HttpResponse:
    context = {"form": form, "as_of": None, **filter_bar(request, form)}
    return render(request, "usage/failures/page.html", context, status=400)


def _read(request: HttpRequest, query: ReportQuery) -> Result[Found]:
    return cached(
        "failures page", query, query.scope, lambda: _report(query), fresh=wants_fresh(request)
    )


def _figures(
    request: HttpRequest, form: FailuresForm, query: ReportQuery, result: Result[Found]
) -> dict[str, object]:
    found, bodies = result.value
    figures = Figures(query, form.window(), found, query_pairs(request), timezone.now())
    return {"page_query": query, "found": found, **figures.context(bodies)}


def _report(query: ReportQuery) -> Found:
    """The report and the newest bodies of its classes, as of one instant."""
    with one_instant():
        found = report(query)
        names = [counted.failure_class.value for counted in found.classes]
        return found, newest_bodies(query, names)


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
