"""The usage page."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.api.recent import recent_findings
from monitoring.health import troubles
from monitoring.web.currency import shown
from monitoring.web.regions import asks_for_region, polled_page
from usage.collector.status import collector_status
from usage.currencies.queries import showing_of
from usage.events.pages import page_of_events
from usage.history.dimensions import InvalidQuery
from usage.history.freshness import wants_fresh
from usage.history.replica import read
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.history.windows import present_quarter
from usage.web.filter_bar import filter_bar, query_pairs
from usage.web.forms import UsageForm
from usage.web.page_figures import page_figures
from usage.web.page_queries import PageData, PageQuery, page_data

EVENTS_SHOWN = 20


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region for htmx."""
    form = UsageForm(request.GET, scope=Scope.of(request.user))
    context: dict[str, object] = {
        "form": form,
        "data": None,
        "as_of": None,
        "findings": troubles(recent_findings()) if request.user.is_staff else [],
    }
    if not form.is_valid():
        return _refused(request, form, context)
    window = form.window()
    # Instants stand beside days of the same zone, amounts at the rate of the last of these.
    with timezone.override(window.zone), showing_of(request.user, window.last):
        query, now = form.page_query(), timezone.now()
        try:
            result = _read(request, query, now)
        except InvalidQuery as wrong:
            form.refuse(wrong)
            return _refused(request, form, context)
        events, _ = read(lambda: page_of_events(form.event_query(), None, EVENTS_SHOWN).rows)
        context |= {
            "as_of": result.as_of,
            "collector": collector_status(),
            "window": window,
            "data": result.value,
            "page_query": query,
            "events": events,
        }
        if not asks_for_region(request):
            context |= filter_bar(request, form)
        beside = (events, context["findings"], shown().currency)
        return polled_page(
            request,
            "usage/page.html",
            context,
            version=(result.version, *beside, present_quarter()),
            drawn=lambda: page_figures(query, result.value, query_pairs(request), now),
        )


def _refused(request: HttpRequest, form: UsageForm, context: dict[str, object]) -> HttpResponse:
    context = context | filter_bar(request, form)
    return render(request, "usage/page.html", context, status=400)


def _read(request: HttpRequest, query: PageQuery, now: datetime) -> Result[PageData]:
    return cached(
        "usage page",
        query,
        query.scope,
        lambda: page_data(query, now),
        fresh=wants_fresh(request),
    )
