"""`/api/usage/own-prices`: own prices as JSON, for staff."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from monitoring.api.errors import error
from monitoring.api.instants import iso
from monitoring.web.roles import user_of
from providers.errors import ChangeRefused
from usage.api.money.staff import for_staff, form_of
from usage.api.summary_body import camel
from usage.costs import editions
from usage.costs.price_book import PriceBook
from usage.costs.rates import dollars_of
from usage.models import OwnPrice
from usage.models.prices import RATE_KINDS
from usage.prices.actions import Overlaps, end_price, set_price, withdraw_price
from usage.prices.forms import EndForm, OwnPriceForm
from usage.prices.queries import own_price_rows

_FIELDS = {camel(name): name for name in OwnPriceForm.base_fields}


@for_staff("GET", "POST")
def own_prices(request: HttpRequest) -> HttpResponse:
    """Those that wait, hold and have ended; a JSON object with the fields of the page's form sets
    one, which may take over from another."""
    if request.method == "POST":
        form = form_of(request, _FIELDS, lambda given: OwnPriceForm(given, book=PriceBook.newest()))
        return _stored(request, form.price())
    rows = [_body(row.price) | {"state": row.state} for row in own_price_rows()]
    return JsonResponse({"catalogue": _catalogue(), "ownPrices": rows})


def _catalogue() -> dict[str, Any]:
    catalogue, confirmed = editions.in_force(), editions.confirmed_at()
    changed = catalogue.latest_change(timezone.now())
    return {
        "source": catalogue.source,
        "confirmedAt": iso(confirmed) if confirmed else None,
        "newestPriceFrom": changed.date().isoformat() if changed else None,
    }


def _stored(request: HttpRequest, price: OwnPrice) -> HttpResponse:
    try:
        before = set_price(price, user_of(request))
    except Overlaps as overlap:
        other = overlap.other.pk if overlap.other else None
        return error(409, "CONFLICT", f"It is refused: {overlap}.", otherPrice=other)
    price.refresh_from_db()
    body = {"ownPrice": _body(price), "takesOverFrom": before.pk if before else None}
    return JsonResponse(body, status=201)


@for_staff("PATCH", "DELETE")
def own_price(request: HttpRequest, price_id: int) -> HttpResponse:
    """`{"lastDay"}` ends one; DELETE withdraws one that waits."""
    price = OwnPrice.objects.filter(pk=price_id).first()
    if price is None:
        return error(404, "RESOURCE_NOT_FOUND", f"No own price {price_id}.")
    body = _body(price)
    if request.method == "DELETE":
        if not withdraw_price(price, user_of(request)):
            raise ChangeRefused("it holds already: end it instead", "", "CONFLICT")
        return JsonResponse({"ownPrice": body})
    last_day: date = form_of(request, {"lastDay": "day"}, EndForm).cleaned_data["day"]
    if not end_price(price, last_day + timedelta(days=1), user_of(request)):
        end = body["lastDay"] or "another takes over"
        raise ChangeRefused(f"expected a day from {price.holds_from} until {end}", "lastDay")
    return JsonResponse({"ownPrice": _body(price)})


def _body(price: OwnPrice) -> dict[str, Any]:
    return {
        "id": price.pk,
        "kind": price.kind,
        "provider": price.provider,
        "model": price.model,
        "clientKey": price.client_key_id,
        "user": price.user_id,
        "credential": price.credential_id,
        "holdsFrom": price.holds_from.isoformat(),
        "lastDay": _last_day(price),
        **{f"{camel(kind)}Price": _dollars(getattr(price, f"{kind}_rate")) for kind in RATE_KINDS},
        "percent": None if price.percent is None else f"{price.percent.normalize():f}",
        "catalogueModel": price.catalogue_model,
        "note": price.note,
        "madeAt": iso(price.created_at),
    }


def _last_day(price: OwnPrice) -> str | None:
    return (price.holds_until - timedelta(days=1)).isoformat() if price.holds_until else None


def _dollars(rate: int | None) -> str | None:
    return None if rate is None else f"{dollars_of(rate).normalize():f}"
