"""The monitoring page: panels that the apps registered."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.panels import panels


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page, or its polled region when htmx asks."""
    if not request.user.is_staff:
        raise PermissionDenied("Monitoring is for staff.")
    # Each panel is drawn with its own context, so that no app overwrites a name of another.
    drawn = [render_to_string(panel.template, panel.context(request), request) for panel in panels()]
    template = "monitoring/page.html#region" if request.htmx else "monitoring/page.html"  # type: ignore[attr-defined]
    return render(request, template, {"panels": drawn, "as_of": timezone.now()})
