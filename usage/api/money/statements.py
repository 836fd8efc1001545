"""`/api/usage/statements`: statements as JSON, for staff."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from monitoring.api.errors import error
from monitoring.api.instants import iso
from monitoring.web.roles import user_of
from usage.api.amounts import Added, currency_of
from usage.api.money.staff import for_staff, form_of
from usage.api.summary_body import camel
from usage.history.dimensions import InvalidQuery
from usage.models import COST_KINDS, Statement
from usage.statements.actions import last_day, make
from usage.statements.forms import MonthForm
from usage.statements.lines import SUMS, Line, by_user, ranked, total

_SHOWN = 120
_GROUPINGS = {"user": by_user, "key": ranked}
_COUNTS = tuple(name for name in SUMS if not name.endswith("cost"))


@for_staff("GET", "POST")
def statements(request: HttpRequest) -> HttpResponse:
    """The newest statements with their totals; `{"month"}` makes one."""
    if request.method == "POST":
        form = form_of(request, {"month": "month"}, MonthForm)
        made = make(form.cleaned_data["month"], user_of(request))
        return JsonResponse(_body(made, "user"), status=201)
    found = Statement.objects.defer("versions")[:_SHOWN]
    return JsonResponse(
        {"statements": [{**_head(made), "totals": _line(total(_lines(made)))} for made in found]}
    )


@for_staff("GET")
def statement(request: HttpRequest, statement_id: int) -> HttpResponse:
    """`?by=user|key&currency=`: one with its lines and price versions."""
    made = Statement.objects.filter(pk=statement_id).first()
    if made is None:
        return error(404, "RESOURCE_NOT_FOUND", f"No statement {statement_id}.")
    by = request.GET.get("by", "user")
    if by not in _GROUPINGS:
        raise InvalidQuery({"by": f"expected one of user, key, got {by[:40]!r}"})
    currency = currency_of(request.GET.get("currency", ""), last_day(made.month))
    return JsonResponse(Added(currency).to(_body(made, by)))


def _body(made: Statement, by: str) -> dict[str, Any]:
    lines = _lines(made)
    return {
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
