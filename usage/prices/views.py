"""The page of prices: models in use, own prices and the catalogue."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from monitoring.web.formats import day
from monitoring.web.roles import staff_only, user_of
from usage.costs import editions
from usage.costs.price_book import PriceBook
from usage.models import OwnPrice
from usage.prices.actions import Overlaps, end_price, set_price, withdraw_price
from usage.prices.forms import EndForm, OwnPriceForm
from usage.prices.queries import SHOWN_DAYS, models_in_use, own_price_rows

_CATALOGUE = Recorded(gettext_noop("catalogue of prices"))
_GIVEN = ("kind", "model", "provider", "catalogue_model")


@require_GET
@never_cache
@staff_only
def prices(request: HttpRequest) -> HttpResponse:
    """Models in use with how they are priced, own prices, and the catalogue's age."""
    book = PriceBook.newest()
    context = {
        "models": models_in_use(book),
        "own_prices": own_price_rows(),
        "days": SHOWN_DAYS,
        "source": book.catalogue.source,
        "confirmed_at": editions.confirmed_at(),
        "latest_change": book.catalogue.latest_change(timezone.now()),
    }
    return render(request, "usage/prices/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def new_price(request: HttpRequest) -> HttpResponse:
    """The form of an own price; the query may fill some of it in."""
    given = {name: request.GET[name] for name in _GIVEN if name in request.GET}
    given.setdefault("holds_from", timezone.localdate().isoformat())
    form = OwnPriceForm(
        request.POST if request.method == "POST" else None, initial=given, book=PriceBook.newest()
    )
    if request.method == "POST" and form.is_valid():
        try:
            return _stored(request, form.price())
        except Overlaps as overlap:
            form.add_error(
                None,
                gettext("Refused: %(overlap)s. End that one first, or begin later.")
                % {"overlap": overlap},
            )
    context = {"form": form, "confirms": form.needs_confirmation}
    status = 400 if form.is_bound else 200
    return render(request, "usage/prices/new.html", context, status=status)


def _stored(request: HttpRequest, price: OwnPrice) -> HttpResponse:
    before = set_price(price, user_of(request))
    texts = [gettext("%(price)s holds from %(first)s.") % _named(price)]
    if before:
        texts.append(gettext("It takes over from %(price)s.") % {"price": before})
    if price.holds_from <= timezone.localdate():
        texts.append(gettext("What is stored keeps its cost until it is recomputed."))
    messages.success(request, " ".join(texts))
    return redirect("prices:list")


def _named(price: OwnPrice) -> dict[str, object]:
    end = price.holds_until
    return {"price": price, "first": day(price.holds_from), "end": day(end) if end else ""}


@require_POST
@staff_only
def end(request: HttpRequest, price_id: int) -> HttpResponse:
    """Let an own price hold no more from a day on."""
    price, form = get_object_or_404(OwnPrice, pk=price_id), EndForm(request.POST)
    if form.is_valid() and end_price(price, form.cleaned_data["day"], user_of(request)):
        messages.success(request, gettext("%(price)s ends before %(end)s.") % _named(price))
    else:
        messages.error(
            request, gettext("%(price)s holds from %(first)s: name a later day.") % _named(price)
        )
    return redirect("prices:list")


@require_POST
@staff_only
def withdraw(request: HttpRequest, price_id: int) -> HttpResponse:
    """Delete an own price that waits."""
    price = get_object_or_404(OwnPrice, pk=price_id)
    name = str(price)
    if withdraw_price(price, user_of(request)):
        messages.success(request, gettext("%(name)s is withdrawn.") % {"name": name})
    else:
        messages.error(request, gettext("%(name)s holds already: end it instead.") % {"name": name})
    return redirect("prices:list")


@require_POST
@staff_only
def update(request: HttpRequest) -> HttpResponse:
    """Fetch the newest catalogue."""
    outcome, detail = trail.Outcome.SUCCEEDED, {}
    try:
        messages.success(request, editions.update())
    except editions.UpdateRefused as refused:
        outcome, detail = trail.Outcome.FAILED, {"reason": str(refused)}
        messages.error(
            request, gettext("The prices stay as they are: %(reason)s.") % {"reason": refused}
        )
    trail.record(
        user_of(request), "catalogue.updated", _CATALOGUE(), outcome=outcome, detail=detail
    )
    return redirect("prices:list")
