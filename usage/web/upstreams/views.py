"""Buttons of the monitoring page, and of findings that fix an upstream."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from management_proxy.models import Upstream
from monitoring.web.roles import staff_only, user_of
from usage.web.upstreams.actions import collect_now, let_callers_in, switch_statistics_on


@require_POST
@staff_only
def statistics_on(request: HttpRequest, upstream_id: int) -> HttpResponse:
    """Turn the usage statistics of an upstream on."""
    return _act(
        request,
        upstream_id,
        switch_statistics_on,
        gettext("Usage statistics are on; events arrive with the next requests."),
    )


@require_POST
@staff_only
def let_in(request: HttpRequest, upstream_id: int) -> HttpResponse:
    """Restore access after the key was corrected."""
    return _act(
        request,
        upstream_id,
        let_callers_in,
        gettext("The upstream accepts the key; collection continues."),
    )


@require_POST
@staff_only
def collect(request: HttpRequest) -> HttpResponse:
    """Collect once from every upstream, and show how it went."""
    for went_well, text in collect_now(user_of(request)):
        messages.add_message(request, messages.SUCCESS if went_well else messages.ERROR, text)
    return redirect("monitoring:page")


def _act(
    request: HttpRequest, upstream_id: int, action: Callable[[Upstream, User], str], done: str
) -> HttpResponse:
    upstream = get_object_or_404(Upstream, pk=upstream_id)
    error = action(upstream, user_of(request))
    if error:
        messages.error(request, f"{upstream.name}: {error}")
    else:
        messages.success(request, f"{upstream.name}: {done}")
    came_from = request.POST.get("next", "")
    return redirect(
        came_from
        if url_has_allowed_host_and_scheme(came_from, {request.get_host()})
        else "monitoring:doctor"
    )
