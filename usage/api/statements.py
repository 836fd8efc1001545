"""Statements as JSON, for staff."""

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.api.access import signed_in
from monitoring.api.errors import error
from monitoring.api.instants import iso
from usage.api.amounts import Added, currency_of
from usage.api.filters import View, invalid_fields
from usage.api.summary_body import camel
from usage.history.dimensions import InvalidQuery
from usage.models import COST_KINDS, Statement
from usage.statements.actions import last_day
from usage.statements.lines import SUMS, Line, by_user, ranked, total

_SHOWN = 120
_GROUPINGS = {"user": by_user, "key": ranked}
_COUNTS = tuple(name for name in SUMS if not name.endswith("cost"))


def _for_staff(view: View) -> View:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_staff:
            return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", "Statements are for staff.")
        return view(request, *args, **kwargs)

    return signed_in(checked)


@require_GET
@never_cache
@_for_staff
def statements(request: HttpRequest) -> HttpResponse:
    """The newest statements with their totals."""
    found = Statement.objects.defer("versions")[:_SHOWN]
    return JsonResponse(
        {"statements": [{**_head(made), "totals": _line(total(_lines(made)))} for made in found]}
    )


@require_GET
@never_cache
@_for_staff
def statement(request: HttpRequest, statement_id: int) -> HttpResponse:
    """`?by=user|key&currency=`: one with its lines and price versions."""
    made = Statement.objects.filter(pk=statement_id).first()
    if made is None:
        return error(404, "RESOURCE_NOT_FOUND", f"No statement {statement_id}.")
    by = request.GET.get("by", "user")
    try:
        if by not in _GROUPINGS:
            raise InvalidQuery({"by": f"expected one of user, key, got {by[:40]!r}"})
        currency = currency_of(request.GET.get("currency", ""), last_day(made.month))
    except InvalidQuery as wrong:
        return invalid_fields(wrong.fields)
    lines = _lines(made)
    body = {
        **_head(made),
        "lines": [
            {"user": line.user} | ({"key": line.key} if by == "key" else {}) | _line(line)
            for line in _GROUPINGS[by](lines)
        ],
        "totals": _line(total(lines)),
        "priceVersions": [_version(version) for version in made.versions]
        if made.versions is not None
        else None,
    }
    return JsonResponse(Added(currency).to(body))


def _head(made: Statement) -> dict[str, object]:
    return {
        "id": made.pk,
        "month": f"{made.month:%Y-%m}",
        "timeZone": made.zone,
        "madeAt": iso(made.made_at),
        "madeBy": made.made_by or None,
        "isWhole": made.is_whole,
    }


def _lines(made: Statement) -> list[Line]:
    return [Line(**line) for line in made.lines]


def _line(line: Line) -> dict[str, object]:
    return {
        **{camel(name): getattr(line, name) for name in _COUNTS},
        "costNanoUsd": line.cost,
        "listCostNanoUsd": line.list_cost,
        "cost": {camel(kind.removesuffix("_cost")): getattr(line, kind) for kind in COST_KINDS},
    }


def _version(version: dict[str, object]) -> dict[str, object]:
    return {camel(name): value for name, value in version.items()}
