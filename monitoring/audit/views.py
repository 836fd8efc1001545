"""The pages of the audit trail, for staff."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.audit.forms import TrailForm
from monitoring.audit.queries import as_csv, as_json_lines, page_of, words
from monitoring.audit.trail import Outcome, record
from monitoring.models import AuditEntry
from monitoring.web.roles import staff_only, user_of

EXPORTS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "jsonl": (as_json_lines, "application/x-ndjson"),
}


@require_GET
@never_cache
@staff_only
def trail(request: HttpRequest) -> HttpResponse:
    """The newest entries that the filter lets through, and a link to older ones."""
    form = TrailForm(request.GET)
    query = request.GET.copy()
    query.pop("before", None)
    context: dict[str, Any] = {
        name: words(name.removesuffix("s")) for name in ("actors", "actions", "upstreams")
    }
    context |= {"form": form, "query": query.urlencode(), "is_filtered": any(query.values())}
    if not form.is_valid():
        return render(request, "monitoring/audit.html", context, status=400)
    before = form.cleaned_data["before"]
    return render(
        request,
        "monitoring/audit.html",
        {**context, "page": page_of(form.entries(), before), "is_older": before},
    )


@require_GET
@never_cache
@staff_only
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One act with everything that is known of it, and what else its request did."""
    shown = get_object_or_404(AuditEntry, pk=entry_id)
    siblings = (
        AuditEntry.objects.filter(request_id=shown.request_id).exclude(pk=shown.pk)[:20]
        if shown.request_id
        else []
    )
    return render(request, "monitoring/audit_entry.html", {"entry": shown, "siblings": siblings})


@require_GET
@never_cache
@staff_only
def export(request: HttpRequest, form_name: str) -> HttpResponseBase:
    """Everything that the filter lets through, newest first, streamed."""
    form = TrailForm(request.GET)
    if not form.is_valid():
        return HttpResponse(
            form.errors.as_text(), status=400, content_type="text/plain; charset=utf-8"
        )
    write, content_type = EXPORTS[form_name]
    record(
        user_of(request),
        "audit.exported",
        form_name,
        outcome=Outcome.SUCCEEDED,
        detail={"filter": request.GET.dict()},
    )
    response = StreamingHttpResponse(write(form.entries()), content_type=content_type)
    name = f"audit-{timezone.now():%Y-%m-%d}.{form_name}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
