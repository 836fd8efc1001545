"""What the providers' pages share: which upstream is meant, and reporting what became of a
change."""

from collections.abc import Iterable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from management_proxy.models import Upstream
from management_proxy.upstreams.registry import ensure_environment_upstream, heeds_environment
from monitoring.texts.recorded import in_language
from providers.models import Credential, Intent


def upstreams() -> list[Upstream]:
    """All that pages may serve, the environment's first."""
    served = Upstream.objects.filter(is_enabled=True).order_by("-from_environment", "name")
    found = list(served)
    if heeds_environment(found):
        return found
    ensure_environment_upstream()
    return list(served.all())


def chosen_upstream(request: HttpRequest) -> Upstream | None:
    """The one named by `upstream`, else the first; None if there is none of that name, or none at
    all."""
    name = request.POST.get("upstream") or request.GET.get("upstream")
    return next((upstream for upstream in upstreams() if not name or upstream.name == name), None)


def usage_filter(upstream: Upstream, auth_indexes: Iterable[str]) -> str:
    """The query by which pages of usage show what credentials of these indexes did; empty where no
    usage of them is known."""
    known = Credential.objects.filter(
        upstream=upstream, auth_index__in=[index for index in auth_indexes if index]
    ).order_by("pk")
    return urlencode([("credential", credential.pk) for credential in known])


def back_to(url_name: str, **query: str) -> HttpResponse:
    """A redirect to a page with its query."""
    return redirect(f"{reverse(url_name)}?{urlencode(query)}" if query else reverse(url_name))


def report(request: HttpRequest, intent: Intent, done: str) -> bool:
    """Report on the next page what became of a change; whether it is certain to hold."""
    if intent.state == Intent.State.VERIFIED:
        messages.success(request, f"{done} {in_language(intent.error)}".strip())
    elif intent.is_settled:
        messages.error(
            request,
            gettext("Nothing was changed: %(state)s")
            % {"state": in_language(intent.error) or intent.get_state_display()},
        )
    else:
        waiting = (
            gettext("It waits for its turn")
            if intent.is_waiting
            else gettext("It was sent, but not confirmed")
        )
        messages.warning(
            request,
            gettext("%(waiting)s; change #%(number)s shows how it ends.")
            % {"waiting": waiting, "number": intent.pk},
        )
    return intent.state == Intent.State.VERIFIED
