"""The Compare page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from usage.history.freshness import wants_fresh
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.reports.comparison import comparison
from usage.web.comparison.figures import Overlays, rows
from usage.web.comparison.forms import ComparisonForm
from usage.web.comparison.headings import headings_of
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
    return report_page(request, form, "usage/comparison/page.html", lambda: _figures(request, form))


def _figures(request: HttpRequest, form: ComparisonForm) -> dict[str, object]:
    if not form.is_complete:
        return {"sides": None}
    now = timezone.now()
    selections = form.selections(now)
    result = cached(
        "comparison",
        selections,
        form.scope,
        lambda: comparison(selections),
        fresh=wants_fresh(request),
    )
    pairs = query_pairs(request)
    headings = headings_of(form, [pair for pair in pairs if pair[0] not in _OWN])
    links = Links(pairs, form.window().zone)
    names = [heading.label for heading in headings]
    overlays = Overlays(selections[0], form.window(), links, names, now)
    one, other = result.value
    return {
        "as_of": result.as_of,
        "page_query": selections[0].query,
        "sides": result.value,
        "headings": headings,
        "is_in_time": form.dimension is None,
        "rows": rows(one.totals, other.totals),
        "overlays": overlays.charts(result.value),
    }
