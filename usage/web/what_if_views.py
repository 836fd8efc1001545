"""The page "What if": the same traffic at another model's prices."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from usage.costs.price_book import PriceBook
from usage.currencies.queries import showing_of
from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.web.filter_bar import filter_bar
from usage.web.forms import WhatIfForm
from usage.web.what_if import other_model, total, what_if


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The filter bar, the model to choose, and what each model's traffic would have cost."""
    form, book = WhatIfForm(request.GET, scope=Scope.of(request.user)), PriceBook.newest()
    context: dict[str, object] = {
        "form": form,
        "source": book.catalogue.source,
        "references": sorted(model.reference for model in book.catalogue.models()),
    }
    if form.is_valid() and (reference := form.cleaned_data["as_model"]):
        try:
            context |= _figures(form, book, reference)
        except InvalidQuery as wrong:
            form.refuse(wrong)
    context |= filter_bar(request, form)
    if not form.is_valid():
        return render(request, "usage/what_if.html", context, status=400)
    with showing_of(request.user, form.window().last):
        return render(request, "usage/what_if.html", context)


def _figures(form: WhatIfForm, book: PriceBook, reference: str) -> dict[str, object]:
    other = other_model(book, reference, timezone.now())
    if other is None:
        raise InvalidQuery(
            {
                "as_model": gettext("the catalogue has no price of %(reference)s")
                % {"reference": f"{reference[:60]!r}"}
            }
        )
    models = what_if(form.window().period, form.scope, form.filters, other)
    cost, at_other = total(models)
    return {"other": other, "models": models, "cost": cost, "at_other": at_other}
