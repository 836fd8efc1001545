"""The events page and the page of one event."""

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.api.recent import recent_findings
from monitoring.health import troubles
from monitoring.web.regions import asks_for_region, polled_page
from usage.collector.status import collector_status
from usage.currencies.queries import showing_of
from usage.events.details import find_event
from usage.events.pages import page_of_events
from usage.failures.guidance import guidance_of
from usage.history.replica import read
from usage.history.scope import Scope
from usage.web.event_price import price_of
from usage.web.filter_bar import filter_bar
from usage.web.forms import EventListForm
from usage.web.logs.links import log_links

PAGE_SIZES = (50, 100, 200, 500)
_TOKEN_QUALITIES = {
    "complete": _("complete"),
    "unreported": _("not reported"),
    "unclassified": _("not classified"),
    "inconsistent": _("inconsistent"),
}


@require_GET
@never_cache
@login_required
def events(request: HttpRequest) -> HttpResponse:
    """A page of events with the filter bar, or the polled region for htmx."""
    form = EventListForm(request.GET, scope=Scope.of(request.user))
    is_region = asks_for_region(request)
    context: dict[str, object] = {
        "form": form,
        "as_of": None,
        "findings": [],
        "sizes": PAGE_SIZES,
    }
    if not form.is_valid():
        return render(
            request, "usage/events_page.html", context | filter_bar(request, form), status=400
        )
    window = form.window()
    cursor, size = form.cleaned_data["cursor"], form.cleaned_data["limit"]
    page, where = read(lambda: page_of_events(form.query(), cursor, size))
    context |= {
        "as_of": where.as_of,
        "collector": collector_status(),
        "window": window,
        "page": page,
        "cursor": cursor,
        "size": size,
        # Only the newest page moves; nothing changes behind a cursor.
        "poll_seconds": None if cursor else 15,
    }
    if not page.rows and request.user.is_staff and not form.is_narrowed:
        context["findings"] = troubles(recent_findings())
    context |= {} if is_region else filter_bar(request, form)
    with timezone.override(window.zone), showing_of(request.user, window.last):
        return polled_page(request, "usage/events_page.html", context)


@require_GET
@never_cache
@login_required
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Everything that is known of one event."""
    found = find_event(event_id, Scope.of(request.user))
    if found is None:
        raise Http404(gettext("No event %(event_id)s that you may see.") % {"event_id": event_id})
    failure_class, quality = found.fields["failureClass"], found.fields["tokenQuality"]
    context = {
        "event": found.fields,
        "price": price_of(found.fields),
        "token_quality": _TOKEN_QUALITIES.get(quality, quality),
        "attempts": found.attempts,
        "guidance": guidance_of(failure_class) if failure_class else None,
        "logs": log_links(found.fields) if request.user.is_staff else None,
    }
    day = timezone.localdate(datetime.fromisoformat(found.fields["timestamp"]))
    with showing_of(request.user, day):
        return render(request, "usage/event.html", context)
