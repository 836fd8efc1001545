"""The Overview."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from monitoring.alerts.queries import fired_since
from monitoring.templatetags.figures import ago
from monitoring.web.currency import shown
from monitoring.web.regions import asks_for_region, polled_page
from monitoring.web.roles import staff_only, user_of
from usage.collector.status import collector_status
from usage.currencies.queries import showing_of
from usage.failure_report.wrong_now import WrongNow, wrong_now
from usage.history.dimensions import InvalidQuery
from usage.history.freshness import wants_fresh
from usage.history.measures import Counts
from usage.history.result_cache import Result, cached
from usage.history.scope import Scope
from usage.history.windows import present_quarter
from usage.overview.figures import figures
from usage.overview.first_steps import STEPS, open_steps, skip
from usage.overview.forms import OverviewForm
from usage.overview.queries import Overview, overview, used_since
from usage.overview.visits import previous_visit
from usage.web.filter_bar import query_pairs, range_bar
from usage.web.page_queries import PageQuery
from usage.web.saved.start import start_address

# The parts of the page, in their order; each draws what the context holds of it.
PANELS = (
    "usage/overview/wrong_now.html",
    "usage/overview/since.html",
    "usage/tiles.html",
    "usage/overview/charts.html",
    "usage/overview/hours.html",
    "usage/overview/tops.html",
)
PANELS_OF_NOTHING = ("usage/wrong_now.html", "usage/overview/empty.html")
_TIME = ("range", "from", "to", "tz")


@require_GET
@never_cache
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The saved view that the user begins with, else the Overview, as whose address it has a range
    and is polled."""
    is_bare = not request.GET and not asks_for_region(request)
    address = start_address(request) if is_bare else ""
    return redirect(address) if address else page(request)


@require_GET
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """The page with its range, or the polled region for htmx."""
    form = OverviewForm(request.GET, scope=Scope.of(request.user))
    if not form.is_valid():
        return _refused(request, form)
    window, is_region = form.window(), asks_for_region(request)
    # Instants stand beside days of the same zone, amounts at the rate of the last of these.
    with timezone.override(window.zone), showing_of(request.user, window.last):
        try:
            seen = _read(request, form, is_region=is_region)
        except InvalidQuery as wrong:
            form.refuse(wrong)
            return _refused(request, form)
        context = seen.context
        if not is_region:
            context |= {**range_bar(form), "first_steps": open_steps(user_of(request))}
        return polled_page(
            request,
            "usage/overview/page.html",
            context,
            version=seen.version,
            drawn=lambda: _figures(request, seen),
        )


@require_POST
@staff_only
def skip_first_steps(request: HttpRequest) -> HttpResponse:
    """Skip the first step that `step` names, or all of them."""
    name = request.POST.get("step", "")
    if name and name not in STEPS:
        raise Http404
    skip((name,) if name else STEPS, user_of(request))
    return redirect("overview")


def _refused(request: HttpRequest, form: OverviewForm) -> HttpResponse:
    context = {"form": form, "as_of": None, **range_bar(form)}
    return render(request, "usage/overview/page.html", context, status=400)


@dataclass(frozen=True)
class _Seen:
    """What the page shows: its data, the time of the reader's last visit, what happened since, and
    what is wrong now."""

    result: Result[Overview]
    query: PageQuery
    since: datetime | None
    used_since: Counts | None
    fired_since: int
    wrong: WrongNow
    context: dict[str, object]

    @property
    def version(self) -> object:
        """Identifies the region; None while something is wrong, whose age is part of it."""
        if not self.wrong.is_quiet:
            return None
        away = self.since and ago(self.since)
        happened = self.used_since, self.fired_since, away
        return (self.result.version, happened, shown().currency, present_quarter())


def _read(request: HttpRequest, form: OverviewForm, *, is_region: bool) -> _Seen:
    query, now = form.page_query(), timezone.now()
    result = cached(
        "overview",
        query,
        query.scope,
        lambda: overview(query, now),
        fresh=wants_fresh(request),
    )
    since = previous_visit(request.user, is_opened=not is_region)
    context = {
        "form": form,
        "as_of": result.as_of,
        "collector": collector_status(),
        "window": query.window,
    }
    used = _used_since(query.scope, since, now)
    fired = fired_since(since) if since and query.scope.sees_everything else 0
    return _Seen(result, query, since, used, fired, wrong_now(request.user), context)


def _figures(request: HttpRequest, seen: _Seen) -> dict[str, object]:
    time = [pair for pair in query_pairs(request) if pair[0] in _TIME]
    data = seen.result.value
    return {
        "panels": PANELS if data.totals.attempts else PANELS_OF_NOTHING,
        "data": data,
        "page_query": seen.query,
        "wrong": seen.wrong,
        "since": seen.since,
        "used_since": seen.used_since,
        "fired_since": seen.fired_since,
        **figures(seen.query, data, time, timezone.now()),
    }


def _used_since(scope: Scope, since: datetime | None, now: datetime) -> Counts | None:
    """What was used since a visit; None on the first one, and where the events of then are gone."""
    if since is None:
        return None
    try:
        return cached("since last visit", since, scope, lambda: used_since(scope, since, now)).value
    except InvalidQuery:
        return None
