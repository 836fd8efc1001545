"""The Speed page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from usage.history.freshness import wants_fresh
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.reports.speed import Speed, speed
from usage.web.filter_bar import query_pairs
from usage.web.report_pages import report_page
from usage.web.speed.figures import figures
from usage.web.speed.forms import SpeedForm


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = SpeedForm(request.GET, scope=Scope.of(request.user))
    return report_page(
        request,
        form,
        "usage/speed/page.html",
        lambda: _read(request, form),
        lambda found: _figures(request, form, found),
    )


def _read(request: HttpRequest, form: SpeedForm) -> Result[Speed]:
    query = form.query()
    return cached("speed", query, query.scope, lambda: speed(query), fresh=wants_fresh(request))


def _figures(request: HttpRequest, form: SpeedForm, found: Speed) -> dict[str, object]:
    pairs, now = query_pairs(request), timezone.now()
    return figures(form.query(), form.window(), found, form.percentile_shown(), pairs, now)
