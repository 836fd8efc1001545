"""The page of currencies: which one a user sees, and for staff the rates."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from monitoring.web.roles import staff_only, user_of
from usage.currencies.actions import choose, set_rate
from usage.currencies.forms import ChoiceForm, RateForm
from usage.currencies.queries import currency_of
from usage.models import CurrencyRate

_SHOWN = 500


@require_http_methods(["GET", "HEAD"])
@never_cache
@login_required
def currencies(request: HttpRequest) -> HttpResponse:
    """What amounts are shown in, and the rates that there are."""
    return _page(request, RateForm(initial={"holds_from": timezone.localdate().isoformat()}))


@require_POST
@never_cache
@staff_only
def new_rate(request: HttpRequest) -> HttpResponse:
    """Add a rate."""
    form = RateForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    data = form.cleaned_data
    made = set_rate(data["currency"], data["rate"], data["holds_from"], user_of(request))
    messages.success(
        request,
        _("From %(day)s on: %(rate)s.") % {"day": made.holds_from, "rate": made},
    )
    return redirect("currencies:list")


@require_POST
@login_required
def choice(request: HttpRequest) -> HttpResponse:
    """Show amounts in another currency from now on."""
    form = ChoiceForm(request.POST)
    if form.is_valid():
        choose(form.cleaned_data["show"], user_of(request))
        messages.success(
            request,
            _("Amounts are shown in %(currency)s.") % {"currency": form.cleaned_data["show"]},
        )
    else:
        messages.error(request, _("That currency has no rate."))
    return redirect("currencies:list")


def _page(request: HttpRequest, form: RateForm, status: int = 200) -> HttpResponse:
    today = timezone.localdate()
    chosen = currency_of(request.user.pk, today)
    context = {
        "form": form,
        "choice": ChoiceForm(initial={"show": chosen.wanted}),
        "chosen": chosen,
        "rates": CurrencyRate.objects.all()[:_SHOWN],
        "today": today,
        "default": settings.CURRENCY,
    }
    return render(request, "usage/currencies/page.html", context, status=status)
