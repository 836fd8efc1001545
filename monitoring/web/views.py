"""The monitoring page, panels that the apps registered, and the doctor's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from monitoring.doctor_report import as_text
from monitoring.health import examine, findings, worst
from monitoring.web.panels import panels
from monitoring.web.regions import polled_page
from monitoring.web.roles import staff_only


@require_GET
@never_cache
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """The page, or its polled region for htmx."""
    # Each panel is drawn with its own context, so that no app overwrites a name of another.
    drawn = [
        render_to_string(panel.template, panel.context(request), request) for panel in panels()
    ]
    return polled_page(request, "monitoring/page.html", {"panels": drawn, "as_of": timezone.now()})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def doctor(request: HttpRequest) -> HttpResponse:
    """What is known of everything's health; a POST examines the upstreams afresh first."""
    if request.method == "POST":
        examine()
        return redirect("monitoring:doctor")
    found = findings()
    return render(
        request,
        "monitoring/doctor.html",
        {
            "findings": found,
            "worst": worst(found),
            "report": as_text(found),
            "as_of": timezone.now(),
        },
    )
