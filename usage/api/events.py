"""JSON lists of events, one event, and their export."""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from monitoring.api.errors import error
from usage.api.amounts import added, currency_of
from usage.api.conditional import respond_once
from usage.api.filters import filtered_by_upstream, invalid_fields, invalid_query
from usage.events.details import find_event
from usage.events.export import MOST_AT_ONCE
from usage.events.export import export as export_of
from usage.events.pages import page_of_events
from usage.events.query import Cursor
from usage.forms.events import EventForm, ExportForm
from usage.history.dimensions import InvalidQuery
from usage.history.replica import read
from usage.history.scope import Scope


@require_GET
@signed_in
@filtered_by_upstream
def events(request: HttpRequest) -> HttpResponse:
    """`?from=&to=&tz=&hour=&limit=&cursor=&request_id=` and a filter per dimension, all optional:
    newest first, at most 500 a page.

    `next` and `previous` are the cursors of the pages beside this one, null at the ends; the `Link`
    header has their addresses.
    """
    form = EventForm(request.GET, scope=Scope.of(request.user))
    if not form.is_valid():
        return invalid_query(form)
    try:
        more = added(request, form.window().last)
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
    page, where = read(
        lambda: page_of_events(
            form.query(), form.cleaned_data["cursor"], form.cleaned_data["limit"]
        )
    )
    cursors = {"next": page.next, "prev": page.previous}
    body = {
        "events": page.rows,
        "next": page.next and str(page.next),
        "previous": page.previous and str(page.previous),
    }
    response = respond_once(request, more.to(body), where.as_of)
    if links := [
        f'<{_address(request, cursor)}>; rel="{rel}"' for rel, cursor in cursors.items() if cursor
    ]:
        response.headers["Link"] = ", ".join(links)
    return response


@require_GET
@signed_in
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event with everything that is known of it, and the attempts at the same client
    request."""
    as_of = timezone.now()
    found = find_event(event_id, Scope.of(request.user))
    if found is None:
        return error(404, "NOT_FOUND", f"No event {event_id} that you may see.")
    day = timezone.localdate(datetime.fromisoformat(found.fields["timestamp"]))
    try:
        more = added(request, day)
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
    body = {"event": found.fields, "attempts": found.attempts}
    return respond_once(request, more.to(body), as_of)


@require_GET
@signed_in
@filtered_by_upstream
def export(request: HttpRequest) -> HttpResponseBase:
    """`?format=csv|jsonl` and what `events` takes but for pages: all events of the window as a
    file, oldest first."""
    form = ExportForm(request.GET, scope=Scope.of(request.user))
    if not form.is_valid():
        return invalid_query(form)
    window, file_format = form.window(), form.cleaned_data["format"]
    try:
        currency = currency_of(request.GET.get("currency", ""), window.last)
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
    chunks = export_of(form.query(), file_format, currency)
    if chunks is None:
        message = f"{MOST_AT_ONCE} exports are being written; try again when one has ended."
        return error(429, "EXPORTS_BUSY", message, headers={"Retry-After": "10"})
    response = StreamingHttpResponse(chunks, content_type=file_format.content_type)
    name = f"usage-{window.first}-to-{window.last}.{file_format.value}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _address(request: HttpRequest, cursor: Cursor) -> str:
    kept = [
        (name, value)
        for name, values in request.GET.lists()
        if name != "cursor"
        for value in values
    ]
    return request.build_absolute_uri(
        f"{request.path}?{urlencode([*kept, ('cursor', str(cursor))])}"
    )
