"""`/api/usage/currency-rates`: the rates of currencies as JSON, for staff."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from monitoring.api.instants import iso
from monitoring.web.roles import user_of
from usage.api.money.staff import for_staff, form_of
from usage.currencies.actions import set_rate
from usage.currencies.forms import RateForm
from usage.models import CurrencyRate

_SHOWN = 500
_FIELDS = {name: name for name in ("currency", "rate", "confirmed")} | {"holdsFrom": "holds_from"}


@for_staff("GET", "POST")
def rates(request: HttpRequest) -> HttpResponse:
    """The rates by currency, newest first; `{"currency", "rate", "holdsFrom", "confirmed"?}` adds
    one."""
    if request.method == "POST":
        data = form_of(request, _FIELDS, RateForm).cleaned_data
        made = set_rate(data["currency"], data["rate"], data["holds_from"], user_of(request))
        made.refresh_from_db()
        return JsonResponse({"rate": _body(made)}, status=201)
    found = [_body(rate) for rate in CurrencyRate.objects.all()[:_SHOWN]]
    return JsonResponse({"default": settings.CURRENCY, "rates": found})


def _body(rate: CurrencyRate) -> dict[str, Any]:
    return {
        "id": rate.pk,
        "currency": rate.currency,
        "rate": f"{rate.rate.normalize():f}",
        "holdsFrom": rate.holds_from.isoformat(),
        "madeAt": iso(rate.created_at),
        "madeBy": rate.created_by,
    }
