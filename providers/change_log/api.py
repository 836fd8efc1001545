"""`/api/providers/changes`: what was requested of the upstreams and its outcome."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from providers.change_log.queries import visible_intents
from providers.errors import ChangeRefused
from providers.models import Intent
from providers.web.api import caller, intent_summary, json_api, upstream_of

MOST_SHOWN = 100


@json_api("GET")
def collection(request: HttpRequest) -> HttpResponse:
    """The newest changes; `?state=` narrows, `?before=<id>` pages on."""
    intents = visible_intents(caller(request), upstream_of(request))
    if state := request.GET.get("state"):
        if state not in Intent.State.values:
            raise ChangeRefused(f"expected one of {', '.join(Intent.State.values)}", "state")
        intents = intents.filter(state=state)
    if before := request.GET.get("before"):
        if not before.isdecimal() or len(before) > 18:
            raise ChangeRefused("expected the id of a change", "before")
        intents = intents.filter(pk__lt=int(before))
    shown = list(intents[:MOST_SHOWN])
    return JsonResponse(
        {
            "data": {
                "changes": [intent_summary(i) for i in shown],
                "next": shown[-1].pk if len(shown) == MOST_SHOWN else None,
            }
        }
    )


@json_api("GET")
def one(request: HttpRequest, intent_id: int) -> HttpResponse:
    """One change; to be polled while its state is requested, applied or unknown."""
    intent = visible_intents(caller(request), upstream_of(request)).filter(pk=intent_id).first()
    if intent is None:
        raise ChangeRefused("there is no such change, or it is not yours", "", "RESOURCE_NOT_FOUND")
    return JsonResponse({"data": intent_summary(intent)})
