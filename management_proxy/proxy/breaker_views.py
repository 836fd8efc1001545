"""Closing a breaker by hand."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from management_proxy.models import Upstream
from management_proxy.proxy.limits import shared_breaker
from monitoring.audit import trail


@require_POST
@login_required
def close_breaker(request: HttpRequest, upstream_id: int) -> HttpResponse:
    """Let calls pass again, whatever happened before."""
    if not request.user.is_staff:
        raise PermissionDenied(gettext("Breakers are for staff."))
    upstream = get_object_or_404(Upstream, pk=upstream_id)
    shared_breaker.reset(upstream)
    trail.record(
        request.user,
        "breaker.closed",
        upstream.name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
    )
    messages.success(
        request, gettext("The breaker of %(name)s is closed.") % {"name": upstream.name}
    )
    return redirect("monitoring:page")
