"""The usage page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.api.recent import recent_findings
from monitoring.health import troubles
from monitoring.web.regions import asks_for_region, polled_page
from usage.collector.status import collector_status
from usage.currencies.queries import showing_of
from usage.events.pages import page_of_events
from usage.history.dimensions import InvalidQuery
from usage.history.freshness import wants_fresh
from usage.history.replica import read
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.web.filter_bar import filter_bar, query_pairs
from usage.web.forms import UsageForm
from usage.web.page_figures import page_figures
from usage.web.page_queries import page_data

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
        try:
            context |= _figures(request, form)
        except InvalidQuery as wrong:
            form.refuse(wrong)
            return _refused(request, form, context)
        if not asks_for_region(request):
            context |= filter_bar(request, form)
        return polled_page(request, "usage/page.html", context)


def _refused(request: HttpRequest, form: UsageForm, context: dict[str, object]) -> HttpResponse:
    context = context | filter_bar(request, form)
    return render(request, "usage/page.html", context, status=400)


def _figures(request: HttpRequest, form: UsageForm) -> dict[str, object]:
    query, now = form.page_query(), timezone.now()
    result = cached(
        "usage page",
        query,
        query.scope,
        lambda: page_data(query, now),
        fresh=wants_fresh(request),
    )
    events, _ = read(lambda: page_of_events(form.event_query(), None, EVENTS_SHOWN).rows)
    return {
        "data": result.value,
        "as_of": result.as_of,
        "collector": collector_status(),
        "window": query.window,
        "page_query": query,
        "events": events,
        **page_figures(query, result.value, query_pairs(request), now),
    }
