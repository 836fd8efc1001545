"""The pages of recomputations: request one, see what it would change, approve it, watch it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from monitoring.web.regions import polled_page
from monitoring.web.roles import staff_only, user_of
from providers.models import ClientKey
from usage.currencies.queries import showing_of
from usage.models import Recomputation
from usage.prices.forms import RecomputationForm
from usage.upkeep.recompute import UNFINISHED, NothingToRecompute, approve, cancel, request

_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def recomputations(http: HttpRequest) -> HttpResponse:
    """All of them, and the form of a new one."""
    today = timezone.localdate()
    form = RecomputationForm(
        http.POST if http.method == "POST" else None,
        initial={"first": today.replace(day=1), "last": today},
    )
    if http.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = request(data["first"], data["last"], data["models"], user_of(http))
            return redirect("prices:recomputation", made.pk)
        except NothingToRecompute as error:
            form.add_error("last", f"{error}.".capitalize())
    context = {"form": form, "recomputations": Recomputation.objects.all()[:_SHOWN]}
    status = 400 if form.is_bound else 200
    return render(http, "usage/prices/recomputations.html", context, status=status)


@require_GET
@never_cache
@staff_only
def recomputation(http: HttpRequest, recomputation_id: int) -> HttpResponse:
    """By how much which days, models and keys change, or how far it is."""
    made = get_object_or_404(Recomputation, pk=recomputation_id)
    keys = {str(key.pk): str(key) for key in ClientKey.objects.all()}
    context = {
        "made": made,
        "is_under_way": made.status in UNFINISHED,
        "poll_seconds": 3 if made.status in UNFINISHED else None,
        "waits": made.status == Recomputation.Status.PREVIEWED,
        "share": _share(made),
        "tables": [
            (gettext("Days"), _rows(made, "days", {})),
            (gettext("Models"), _rows(made, "models", {})),
            (gettext("Client keys"), _rows(made, "keys", {"0": gettext("no key"), **keys})),
        ],
    }
    day = timezone.localdate(made.end - timedelta(microseconds=1))
    with showing_of(http.user, day):
        return polled_page(http, "usage/prices/recomputation.html", context, partials=("region",))


@require_POST
@staff_only
def approval(http: HttpRequest, recomputation_id: int) -> HttpResponse:
    """Let it be applied."""
    return _act(http, recomputation_id, approve, gettext("It is being applied."))


@require_POST
@staff_only
def cancellation(http: HttpRequest, recomputation_id: int) -> HttpResponse:
    """End it."""
    return _act(
        http, recomputation_id, cancel, gettext("It is cancelled; days that are done stay done.")
    )


def _act(
    http: HttpRequest,
    recomputation_id: int,
    action: Callable[[Recomputation, User], bool],
    done: str,
) -> HttpResponse:
    made = get_object_or_404(Recomputation, pk=recomputation_id)
    if action(made, user_of(http)):
        messages.success(http, done)
    else:
        messages.error(
            http,
            gettext("That came too late: it is %(status)s.")
            % {"status": made.get_status_display()},
        )
    return redirect("prices:recomputation", made.pk)


def _share(made: Recomputation) -> float:
    """How much of its time is done, in percent."""
    if made.reached is None:
        return 0.0
    return 100 * ((made.end - made.reached) / (made.end - made.start))


def _rows(made: Recomputation, name: str, labels: dict[str, str]) -> list[dict[str, Any]]:
    """What changes most first, in nano-dollars."""
    rows = [
        {
            "label": labels.get(value, value),
            "before": change["before"],
            "after": change["after"],
            "difference": change["after"] - change["before"],
            "events": change["events"],
        }
        for value, change in made.changes.get(name, {}).items()
    ]
    return sorted(rows, key=lambda row: -abs(row["difference"]))[:_SHOWN]
