"""The page “Connect a client”, and trying a model from it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import F, QuerySet, Value
from django.db.models.lookups import Exact
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from management_proxy.client.errors import StillWaiting
from management_proxy.client_api.addresses import public_address
from management_proxy.client_api.protocols import PROTOCOLS
from management_proxy.models import Upstream
from monitoring.web.regions import read_again
from monitoring.web.roles import user_of
from providers.client_keys.queries import visible_rows
from providers.models import ClientKey
from providers.web.pages import chosen_upstream, upstreams
from usage.connect.clients import CLIENTS
from usage.connect.forms import TrialForm
from usage.connect.served import Served, served_by
from usage.connect.trial import TooMany, try_model

# In snippets, instead of what is not known.
_ADDRESS_UNSET, _KEY_UNSET = "https://UPSTREAM-ADDRESS", "YOUR_CLIENT_KEY"


@require_safe
@never_cache
@login_required
def connect(request: HttpRequest) -> HttpResponse:
    """The snippets of every client, with the models that the upstream serves."""
    upstream = chosen_upstream(request)
    try:
        served = served_by(upstream) if upstream else Served()
    except StillWaiting:
        read_again(request, 0)
        context = {"upstream": upstream, "upstreams": upstreams()}
        return render(request, "usage/connect/page.html", context)
    keys = _keys(request, upstream)
    chosen = {"key": request.GET.get("key", ""), "model": request.GET.get("model", "")}
    form = TrialForm(keys=keys, served=served, initial=chosen)
    return _page(request, upstream, served, form, {})


@require_POST
@never_cache
@login_required
def attempt(request: HttpRequest) -> HttpResponse:
    """Send one tiny request; what came of it, as a part for htmx or in the page."""
    upstream = chosen_upstream(request)
    served = served_by(upstream) if upstream else Served()
    form = TrialForm(request.POST, keys=_keys(request, upstream), served=served)
    context: dict[str, Any] = {"form": form}
    status = 200
    if form.is_valid():
        chosen = form.cleaned_data
        protocol = PROTOCOLS[chosen["protocol"]]
        try:
            context["trial"] = try_model(chosen["key"], user_of(request), protocol, chosen["model"])
        except TooMany as error:
            context["refusal"], status = str(error), 429
    if getattr(request, "htmx", False):
        # htmx shows no other status in the page.
        return render(request, "usage/connect/trial.html", context)
    return _page(request, upstream, served, form, context, status if form.is_valid() else 400)


def _keys(request: HttpRequest, upstream: Upstream | None) -> QuerySet[ClientKey]:
    """The keys that the user may see, but for revoked ones; first those that have a name."""
    if upstream is None:
        return ClientKey.objects.none()
    rows = visible_rows(user_of(request), upstream).exclude(state=ClientKey.State.REVOKED)
    return rows.order_by(Exact(F("name"), Value("")), "name", "last_four", "pk")


def _page(
    request: HttpRequest,
    upstream: Upstream | None,
    served: Served,
    form: TrialForm,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    address = public_address(upstream) if upstream else ""
    model = request.GET.get("model", "")
    chosen = model if served.holds(model) else ""
    context = {
        **context,
        "upstream": upstream,
        "upstreams": upstreams(),
        "address": address,
        "base": address or _ADDRESS_UNSET,
        "key_unset": _KEY_UNSET,
        "served": served,
        "form": form,
        "clients": [
            (
                client,
                PROTOCOLS[client.protocol].name,
                chosen or served.newest_of(client.owners) or "MODEL",
            )
            for client in CLIENTS
        ],
    }
    return render(request, "usage/connect/page.html", context, status=status)
