"""Creating, editing, testing and deleting channels."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from monitoring.alerts import actions
from monitoring.alerts.web.forms import ChannelForm
from monitoring.encryption import UndecryptableError
from monitoring.models import AlertChannel, AlertMessage
from monitoring.web.roles import staff_only, user_of

MESSAGES_SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def new_channel(request: HttpRequest) -> HttpResponse:
    """Enter a new channel."""
    return _edit(request, AlertChannel())


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Show and change a channel, with its last messages."""
    return _edit(request, get_object_or_404(AlertChannel, pk=channel_id))


def _edit(request: HttpRequest, shown: AlertChannel) -> HttpResponse:
    form = ChannelForm(request.POST or None, instance=shown)
    if request.method == "POST" and form.is_valid():
        wanted = form.channel()
        is_new = wanted.pk is None
        actions.save_channel(wanted, user_of(request))
        first = gettext("“%(name)s” was saved. Send a test.")
        saved = first if is_new else gettext("“%(name)s” was saved.")
        messages.success(request, saved % {"name": wanted.name})
        return redirect("monitoring:alert-channel", wanted.pk)
    sent = AlertMessage.objects.filter(channel=shown)[:MESSAGES_SHOWN] if shown.pk else []
    context = {"form": form, "channel": shown, "sent": sent, "secret": _secret(shown)}
    status = 400 if form.errors else 200
    return render(request, "monitoring/alerts/channel.html", context, status=status)


def _secret(shown: AlertChannel) -> str:
    """What the receiver of a webhook needs to check its signature; staff may see it."""
    try:
        return shown.secret if shown.pk else ""
    except UndecryptableError:
        return ""


@require_POST
@staff_only
def test_channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Send a test and show what the other side responded."""
    shown = get_object_or_404(AlertChannel, pk=channel_id)
    outcome = actions.test_channel(shown, user_of(request))
    said = {"response": outcome.response}
    if outcome.accepted:
        messages.success(request, gettext("The test was accepted: %(response)s") % said)
    else:
        messages.error(request, gettext("The test was not accepted: %(response)s") % said)
    return redirect("monitoring:alert-channel", shown.pk)


@require_POST
@staff_only
def delete_channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Delete a channel."""
    shown = get_object_or_404(AlertChannel, pk=channel_id)
    actions.delete_channel(shown, user_of(request))
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": shown.name})
    return redirect("monitoring:alerts")
