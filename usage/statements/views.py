"""The pages of statements, and their files."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from monitoring.web.roles import staff_only, user_of
from usage.currencies.queries import currency_of, showing_of
from usage.history.dimensions import InvalidQuery
from usage.models import Statement
from usage.statements.actions import last_day, last_month, make
from usage.statements.forms import MonthForm
from usage.statements.lines import Line, by_user, ranked, total
from usage.statements.table import csv_of

_SHOWN = 120
GROUPINGS = ("user", "key")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def statements(request: HttpRequest) -> HttpResponse:
    """All of them, and the form of a new one."""
    form = MonthForm(
        request.POST if request.method == "POST" else None,
        initial={"month": f"{last_month():%Y-%m}"},
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = make(form.cleaned_data["month"], user_of(request))
            messages.success(
                request,
                gettext("Made the statement of %(month)s.") % {"month": f"{made.month:%Y-%m}"},
            )
            return redirect("statements:statement", made.pk)
        except InvalidQuery as error:
            form.add_error("month", str(error))
    found = Statement.objects.defer("versions")[:_SHOWN]
    context = {
        "form": form,
        "statements": [(statement, total(_lines(statement))) for statement in found],
    }
    return render(
        request, "usage/statements/list.html", context, status=400 if form.is_bound else 200
    )


@require_GET
@never_cache
@staff_only
def statement(request: HttpRequest, statement_id: int) -> HttpResponse:
    """One, by user or by client key, for the screen and for paper."""
    made, grouping = get_object_or_404(Statement, pk=statement_id), _grouping(request)
    context = {
        "made": made,
        "grouping": grouping,
        "lines": _grouped(made, grouping),
        "total": total(_lines(made)),
    }
    with showing_of(request.user, last_day(made.month)):
        return render(request, "usage/statements/statement.html", context)


@require_GET
@never_cache
@staff_only
def table(request: HttpRequest, statement_id: int) -> HttpResponse:
    """One as CSV, with costs in the user's currency beside dollars."""
    made, grouping = get_object_or_404(Statement, pk=statement_id), _grouping(request)
    currency = currency_of(request.user.pk, last_day(made.month))
    wanted = currency if currency.parameter else None
    text = csv_of(made, _grouped(made, grouping), total(_lines(made)), wanted)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"statement-{made.month:%Y-%m}-by-{grouping}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _grouping(request: HttpRequest) -> str:
    grouping = request.GET.get("by", "user")
    if grouping not in GROUPINGS:
        raise Http404(gettext("Statements are by %(names)s.") % {"names": " or ".join(GROUPINGS)})
    return grouping


def _grouped(made: Statement, grouping: str) -> list[Line]:
    return by_user(_lines(made)) if grouping == "user" else ranked(_lines(made))


def _lines(made: Statement) -> list[Line]:
    return [Line(**line) for line in made.lines]
