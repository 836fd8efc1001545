"""`GET /api/usage/budgets`: how budgets stand; the JSON twin of the page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from monitoring.api.instants import iso
from monitoring.web.roles import user_of
from usage.api.conditional import respond_once
from usage.api.filters import filtered_by_upstream, invalid_fields
from usage.budgets.forecast import Forecast
from usage.budgets.queries import BudgetRow, party_label, rows, visible
from usage.history.dimensions import InvalidQuery
from usage.models import Budget, BudgetException

Body = dict[str, Any]
_UNITS = {Budget.Unit.DOLLARS: "nanoUsd"}


@require_GET
@signed_in
@filtered_by_upstream
def budgets(request: HttpRequest) -> HttpResponse:
    """`?upstream=`: budgets that the caller may see, with a filter those of an upstream or one of
    its client keys."""
    user, now = user_of(request), timezone.now()
    try:
        found = rows(list(visible(user, request.GET.getlist("upstream"))), now)
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
    body = {"data": {"budgets": [_body(row) for row in found]}, "isAdmin": user.is_staff}
    return respond_once(request, body, now)


def _body(row: BudgetRow) -> Body:
    budget, standing = row.budget, row.standing
    return {
        "id": budget.pk,
        "name": budget.name,
        "scope": _scope(budget),
        "unit": _UNITS.get(Budget.Unit(budget.unit), budget.unit),
        "period": {
            "kind": budget.period,
            "rollingHours": budget.rolling_hours,
            "start": iso(standing.window.start),
            "end": iso(standing.window.end),
        },
        "limit": budget.limit,
        "limitToday": standing.limit,
        "spent": standing.spent,
        "usedPercent": round(standing.percent, 2),
        "unpricedAttempts": standing.used.unpriced,
        "warnAt": budget.warn_at,
        "reachedLevels": standing.reached,
        "state": row.word.replace(" ", "_"),
        "forecast": _forecast(row.forecast),
        "exceptionToday": _exception(standing.exception),
        "removesKeys": budget.removes_keys,
        "withheldKeys": [
            {"id": held.pk, "name": held.client_key.display_name, "state": held.state}
            for held in row.withheld
        ],
    }


def _scope(budget: Budget) -> Body:
    party = budget.client_key_id or budget.user_id
    return {"kind": budget.scope, "id": party, "label": party_label(budget) or None}


def _forecast(forecast: Forecast | None) -> Body | None:
    if forecast is None:
        return None
    return {
        "low": forecast.low,
        "expected": forecast.middle,
        "high": forecast.high,
        "weeks": forecast.weeks,
    }


def _exception(exception: BudgetException | None) -> Body | None:
    if exception is None:
        return None
    return {
        "extra": exception.extra,
        "reason": exception.reason,
        "madeBy": exception.made_by,
    }
