"""The pages of budgets: the list, which users see of their own, and what staff change."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from monitoring.web.roles import staff_only, user_of
from providers.errors import ChangeRefused
from providers.models import WithheldKey
from usage.budgets import actions
from usage.budgets.forms import BudgetForm, ExceptionForm, shown_fields
from usage.budgets.queries import party_label, period_label, rows, visible
from usage.history.dimensions import InvalidQuery
from usage.models import Budget, BudgetException


@require_GET
@never_cache
@login_required
def budgets(request: HttpRequest) -> HttpResponse:
    """How the budgets stand that the user may see."""
    now = timezone.now()
    context: dict[str, Any] = {"rows": [], "trouble": "", "as_of": now}
    try:
        found = rows(list(visible(user_of(request))), now)
        context["rows"] = [
            (row, party_label(row.budget), period_label(row.budget)) for row in found
        ]
    except InvalidQuery as error:
        context["trouble"] = str(error)
    return render(request, "usage/budgets/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new budget."""
    form = BudgetForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _saved(request, form, Budget()):
        return redirect("budgets:list")
    context = {"form": form}
    return render(request, "usage/budgets/new.html", context, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def edit(request: HttpRequest, budget_id: int) -> HttpResponse:
    """One budget: its form, exceptions, keys that it withholds, and its deletion."""
    budget = _found(budget_id)
    form = BudgetForm(
        request.POST if request.method == "POST" else None, initial=shown_fields(budget)
    )
    if form.is_bound and form.is_valid() and _saved(request, form, _found(budget_id)):
        return redirect("budgets:list")
    return _budget_page(request, budget, form, ExceptionForm(unit=budget.unit))


def _saved(request: HttpRequest, form: BudgetForm, budget: Budget) -> bool:
    try:
        actions.save(form.fill(budget), user_of(request))
    except actions.Refused as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return False
    messages.success(request, _("Saved: %(name)s.") % {"name": budget.name})
    return True


@require_POST
@staff_only
def new_exception(request: HttpRequest, budget_id: int) -> HttpResponse:
    """Raise the limit on one day."""
    budget = _found(budget_id)
    form = ExceptionForm(request.POST, unit=budget.unit)
    if not form.is_valid():
        return _budget_page(request, budget, BudgetForm(initial=shown_fields(budget)), form)
    data = form.cleaned_data
    actions.make_exception(budget, data["day"], data["extra"], data["reason"], user_of(request))
    messages.success(request, _("The limit is raised on that day."))
    return redirect("budgets:budget", budget.pk)


@require_POST
@staff_only
def withdraw(request: HttpRequest, exception_id: int) -> HttpResponse:
    """Take an exception back."""
    exception = get_object_or_404(BudgetException.objects.select_related("budget"), pk=exception_id)
    budget_id = exception.budget_id
    actions.withdraw_exception(exception, user_of(request))
    messages.success(request, _("The exception is withdrawn."))
    return redirect("budgets:budget", budget_id)


@require_POST
@staff_only
def remove(request: HttpRequest, budget_id: int) -> HttpResponse:
    """Delete a budget."""
    budget = _found(budget_id)
    name = budget.name
    actions.delete(budget, user_of(request))
    text = _("%(name)s is deleted; client keys that it withheld are given back within a minute.")
    messages.success(request, text % {"name": name})
    return redirect("budgets:list")


@require_POST
@staff_only
def give_back(request: HttpRequest, key_id: int) -> HttpResponse:
    """Give one withheld client key back at once."""
    row = get_object_or_404(WithheldKey.objects.select_related("client_key"), pk=key_id)
    try:
        actions.give_back(row, user_of(request))
        text = _("%(key)s is given back, and stays in use until the period ends.")
        messages.success(request, text % {"key": row.client_key.display_name})
    except ChangeRefused as refusal:
        messages.error(request, _("Nothing was changed: %(why)s.") % {"why": refusal.message})
    return redirect("budgets:list")


def _found(budget_id: int) -> Budget:
    budgets = Budget.objects.select_related("client_key__upstream", "user", "upstream")
    return get_object_or_404(budgets, pk=budget_id)


def _budget_page(
    request: HttpRequest, budget: Budget, form: BudgetForm, exception_form: ExceptionForm
) -> HttpResponse:
    context: dict[str, Any] = {
        "budget": budget,
        "form": form,
        "exception_form": exception_form,
        "exceptions": budget.exceptions.filter(day__gte=timezone.localdate()),
        "row": None,
        "trouble": "",
    }
    try:
        (context["row"],) = rows([budget], timezone.now())
    except InvalidQuery as error:
        context["trouble"] = str(error)
    wrong = form.is_bound or exception_form.is_bound
    return render(request, "usage/budgets/budget.html", context, status=400 if wrong else 200)
