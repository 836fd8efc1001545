"""The usage page."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.health import findings, troubles
from usage.charts import page_charts
from usage.filter_bar import filter_bar
from usage.forms import HistoryForm
from usage.history import history
from usage.page import page_figures
from usage.scope import Scope


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region when htmx asks."""
    scope = Scope.of(request.user)
    form = HistoryForm(request.GET, scope=scope)
    context: dict[str, Any] = {"form": form, **filter_bar(request, form), "menus": [], "chips": [], "data": None, "findings": []}
    if not form.is_valid():
        return render(request, "usage/page.html", context, status=400)
    window = form.window()
    data = history(window, scope)["data"]
    if request.user.is_staff:
        context["findings"] = troubles(findings())
    today = timezone.now().astimezone(window.zone).date()
    context |= {"window": window, "data": data, "figures": page_figures(data), **page_charts(data, today)}
    template = "usage/page.html#region" if request.htmx else "usage/page.html"  # type: ignore[attr-defined]
    with timezone.override(window.zone):  # instants stand beside days of the same zone
        return render(request, template, context)
