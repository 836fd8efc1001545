"""What the same tokens would have cost at another model's list prices, as JSON."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from usage.api.amounts import added, last_day
from usage.api.conditional import respond
from usage.api.filters import filtered_by_upstream, invalid_fields, invalid_query
from usage.api.summary_body import Body, period_body
from usage.costs.price_book import PriceBook
from usage.forms.queries import QueryForm
from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.web.what_if import Other, WhatIf, other_model, total, what_if


@require_GET
@signed_in
@filtered_by_upstream
def what_if_at(request: HttpRequest) -> HttpResponse:
    """`?as_model=provider/model&from=&to=&tz=` and filters: each model's cost, and at the other
    model's prices of today."""
    scope, now = Scope.of(request.user), timezone.now()
    form = QueryForm(request.GET, scope=scope, max_groups=0)
    if not form.is_valid():
        return invalid_query(form)
    query, book, reference = form.query(), PriceBook.newest(), request.GET.get("as_model", "")
    try:
        more, other = added(request, last_day(query.period)), other_model(book, reference, now)
        if other is None:
            expected = "expected a model of the catalogue as provider/model"
            raise InvalidQuery({"as_model": f"{expected}, got {reference[:60]!r}"})
        key = (query, other, more)
        return respond(request, "what if", key, scope, lambda: more.to(_body(query, book, other)))
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)


def _body(query: SummaryQuery, book: PriceBook, other: Other) -> Body:
    models = what_if(query.period, query.scope, query.filters, other)
    cost, at_other = total(models)
    return {
        "data": {
            "period": period_body(query.period),
            "asModel": other.reference,
            "source": book.catalogue.source,
            "longContextAbove": other.long_context_above or None,
            "models": [_model(row) for row in models],
            "totals": {"costNanoUsd": cost, "otherCostNanoUsd": at_other},
        },
        "isAdmin": query.scope.sees_everything,
    }


def _model(row: WhatIf) -> Body:
    return {
        "model": row.model,
        "attempts": row.used.attempts,
        "unpricedAttempts": row.used.unpriced_attempts,
        "totalTokens": row.used.total_tokens,
        "costNanoUsd": row.cost,
        "otherCostNanoUsd": row.other,
        "differenceNanoUsd": row.difference,
    }
