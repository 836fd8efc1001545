"""What fires, the rules' states, and what was."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from monitoring.alerts import actions, queries
from monitoring.alerts.web.forms import SilenceForm
from monitoring.models import Alert, AlertRule
from monitoring.web.regions import asks_for_region, lone_part, polled_page
from monitoring.web.roles import staff_only, user_of


@require_GET
@never_cache
@staff_only
def alerts(request: HttpRequest) -> HttpResponse:
    """The page, or its polled region for htmx."""
    context = {
        "open_alerts": queries.open_alerts(),
        "rules": queries.rule_rows(),
        "channels": queries.channels(),
        "messages_sent": queries.recent_messages(10),
        "evaluated_at": queries.last_evaluation(),
        "as_of": timezone.now(),
    }
    return polled_page(request, "monitoring/alerts/page.html", context)


@require_GET
@never_cache
@staff_only
def history(request: HttpRequest) -> HttpResponse:
    """Alerts that were resolved, with their messages; older ones behind a cursor."""
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    rows = queries.past_alerts(before)
    older = rows[-1].alert.pk if len(rows) == queries.HISTORY_PAGE else None
    context = {"rows": rows, "before": older, "is_older": before}
    return render(request, "monitoring/alerts/history.html", context)


@require_GET
@never_cache
@staff_only
def bell(request: HttpRequest) -> HttpResponse:
    """How many alerts fire, as the frame of every page shows it and polls it."""
    if not asks_for_region(request):
        return redirect("monitoring:alerts")
    return lone_part(request, "monitoring/alerts/bell.html", {})


@require_POST
@staff_only
def acknowledge(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Take care of an alert."""
    alert = get_object_or_404(Alert, pk=alert_id)
    if not actions.acknowledge(alert, user_of(request)):
        text = gettext("%(alert)s is over or was acknowledged already.")
        messages.info(request, text % {"alert": queries.AlertRow(alert, None).subject_name})
    return redirect("monitoring:alerts")


@require_POST
@staff_only
def silence_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Send no message about one alert for a while."""
    return _silence(request, get_object_or_404(Alert, pk=alert_id))


@require_POST
@staff_only
def silence_rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Send no message about a rule's alerts for a while."""
    return _silence(request, get_object_or_404(AlertRule, pk=rule_id))


def _silence(request: HttpRequest, target: Alert | AlertRule) -> HttpResponse:
    form = SilenceForm(request.POST)
    if form.is_valid():
        actions.silence(target, form.lasting(), user_of(request))
    else:
        error = {"error": form.errors["minutes"][0]}
        messages.error(request, gettext("Minutes: %(error)s") % error)
    return redirect("monitoring:alerts")
