"""The page of changes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from monitoring.web.regions import polled_page
from monitoring.web.roles import staff_only, user_of
from providers.change_log.queries import visible_intents, waiting_places
from providers.funnel.writes import finish_waiting
from providers.models import Intent
from providers.web.pages import back_to, chosen_upstream, upstreams

SHOWN = 100
FILTERS = (("", _("All")), ("open", _("Not settled")), ("failed", _("Failed")))


@require_GET
@never_cache
@login_required
def changes(request: HttpRequest) -> HttpResponse:
    """The newest changes that the user may see, or the polled region alone."""
    upstream, chosen = chosen_upstream(request), request.GET.get("show", "")
    intents = visible_intents(user_of(request), upstream)
    states = {
        "open": Intent.UNSETTLED,
        "failed": (Intent.State.FAILED, Intent.State.COMPENSATED),
    }.get(chosen)
    places = waiting_places()
    shown = list((intents.filter(state__in=states) if states else intents)[:SHOWN])
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "filters": FILTERS,
        "chosen": chosen,
        "as_of": timezone.now(),
        "rows": [(intent, places.get(intent.pk, 0)) for intent in shown],
        "waiting": len(places),
        "poll_seconds": 2 if places else 15,
    }
    return polled_page(request, "providers/changes.html", context)


@require_POST
@staff_only
def settle(request: HttpRequest) -> HttpResponse:
    """Carry out what waits and look after what is uncertain, now."""
    upstream = chosen_upstream(request)
    if upstream and finish_waiting(upstream):
        messages.success(
            request,
            gettext(
                "All changes that could be settled are settled; those sent moments ago are checked"
                " again after 20 seconds."
            ),
        )
    else:
        messages.warning(request, gettext("Another change of this upstream is in progress."))
    return back_to("providers:changes")
