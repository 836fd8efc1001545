"""The Compare page."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.web.currency import shown
from usage.history.freshness import wants_fresh
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.reports.comparison import Side, comparison
from usage.web.comparison.figures import Overlays, rows
from usage.web.comparison.forms import ComparisonForm
from usage.web.comparison.headings import Heading, headings_of
from usage.web.filter_bar import query_pairs
from usage.web.links import Links
from usage.web.report_pages import report_page

_OWN = ("against", "other")


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = ComparisonForm(request.GET, scope=Scope.of(request.user))
    now = timezone.now()
    return report_page(
        request,
        form,
        "usage/comparison/page.html",
        lambda: _read(request, form, now),
        lambda sides: _figures(request, form, sides, now),
        beside=lambda: (shown().currency, _headings(request, form)),
    )


def _read(request: HttpRequest, form: ComparisonForm, now: datetime) -> Result[list[Side]] | None:
    if not form.is_complete:
        return None
    selections = form.selections(now)
    return cached(
        "comparison",
        selections,
        form.scope,
        lambda: comparison(selections),
        fresh=wants_fresh(request),
    )


def _figures(
    request: HttpRequest, form: ComparisonForm, sides: list[Side], now: datetime
) -> dict[str, object]:
    selections, headings = form.selections(now), _headings(request, form)
    links = Links(query_pairs(request), form.window().zone)
    names = [heading.label for heading in headings]
    overlays = Overlays(selections[0], form.window(), links, names, now)
    one, other = sides
    return {
        "page_query": selections[0].query,
        "found": sides,
        "headings": headings,
        "is_in_time": form.dimension is None,
        "rows": rows(one.totals, other.totals),
        "overlays": overlays.charts(sides),
    }


def _headings(request: HttpRequest, form: ComparisonForm) -> list[Heading]:
    return headings_of(form, [pair for pair in query_pairs(request) if pair[0] not in _OWN])
