"""The usage page."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from usage.charts import daily_chart, sparkline
from usage.forms import RANGES, HistoryForm
from usage.history import Scope, history
from usage.page import page_figures


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its filter bar, or the polled region when htmx asks."""
    form = HistoryForm(request.GET)
    context: dict[str, Any] = {"form": form, "ranges": RANGES, "chosen": "", "asked": form.asked()}
    if not form.is_valid():
        return render(request, "usage/page.html", context, status=400)
    data = history(form.window(), Scope.of(request.user))["data"]
    days = data["dailyBreakdown"]
    context |= {
        "window": form.window(),
        "chosen": form.cleaned_data["range"],
        "data": data,
        "figures": page_figures(data),
        "requests_chart": daily_chart(days, (("success", "Succeeded"), ("failure", "Failed"))),
        "tokens_chart": daily_chart(days, (("uncachedInputTokens", "Input"), ("cacheReadTokens", "Cache read"), ("outputTokens", "Output"))),
        "sparklines": {name: sparkline([day[name] or 0 for day in days]) for name in ("requests", "tokens", "failure", "cacheReadTokens")},
    }
    template = "usage/page.html#region" if request.htmx else "usage/page.html"  # type: ignore[attr-defined]
    return render(request, template, context)
