"""Pages of acts on many accounts: the plan to confirm, which becomes the report."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Case, Count, Q, Value, When
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.web.regions import polled_page
from monitoring.web.roles import user_of
from providers.accounts.forms import AccountFilterForm
from providers.accounts.queries import account_rows, matching
from providers.bulk import carrying_out
from providers.bulk.archives import candidates
from providers.bulk.forms import ChoiceForm, ManyFilesForm
from providers.bulk.plans import plan_change, plan_upload
from providers.errors import ChangeRefused
from providers.models import BulkAct, BulkItem, Intent
from providers.web.listing import Columns, listing
from providers.web.pages import back_to, chosen_upstream, upstreams

STATES = Intent.State
COLUMNS: Columns[BulkItem] = {}


@require_POST
@never_cache
@login_required
def upload(request: HttpRequest) -> HttpResponse:
    """Take files or zips in and show what would become of each."""
    upstream = _upstream(request)
    form = ManyFilesForm(request.POST, request.FILES)
    try:
        if not form.is_valid():
            raise ChangeRefused(gettext("Choose a file first."), "files")
        act = plan_upload(
            upstream,
            user_of(request),
            candidates(form.cleaned_data["file"]),
            replaces=form.cleaned_data["replaces"],
            twins_accepted=form.cleaned_data["twins_accepted"],
        )
    except (ChangeRefused, UpstreamError) as problem:
        return _refused(request, upstream, problem)
    return redirect("bulk:act", act.pk)


@require_POST
@never_cache
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Show what would become of the chosen accounts, or of all that match the filters."""
    upstream, user, form = _upstream(request), user_of(request), ChoiceForm(request.POST)
    try:
        if not form.is_valid():
            raise ChangeRefused(gettext("Choose what to do."), "verb")
        rows = account_rows(upstream, user)
        if form.cleaned_data["everything"]:
            filters = AccountFilterForm(QueryDict(request.POST.get("filters", "")))
            rows = matching(rows, **filters.chosen())
        else:
            names = set(request.POST.getlist("name"))
            rows = [row for row in rows if row.file.name in names]
        data = form.cleaned_data
        act = plan_change(upstream, user, rows, data["verb"], data["value"])
    except (ChangeRefused, UpstreamError) as problem:
        return _refused(request, upstream, problem)
    return redirect("bulk:act", act.pk)


def _upstream(request: HttpRequest) -> Upstream:
    if upstream := chosen_upstream(request):
        return upstream
    raise Http404


def _refused(
    request: HttpRequest, upstream: Upstream, problem: ChangeRefused | UpstreamError
) -> HttpResponse:
    if isinstance(problem, ChangeRefused):
        messages.error(request, problem.message)
    else:
        messages.error(request, gettext("Upstream unreachable: %(error)s") % {"error": problem})
    return back_to("accounts:list", upstream=upstream.name)


def _act(request: HttpRequest, act_id: int) -> BulkAct:
    """The act if it is the user's; 404 else."""
    own = BulkAct.objects.select_related("upstream", "user").filter(user=user_of(request))
    return get_object_or_404(own, pk=act_id)


@require_GET
@never_cache
@login_required
def act(request: HttpRequest, act_id: int) -> HttpResponse:
    """What an act will do, or what became of it."""
    shown = _act(request, act_id)
    # What went wrong is what one wants to see first.
    failed = Q(outcome="failed") | Q(intent__state__in=("failed", "compensated", "unknown"))
    rank = Case(
        When(failed, then=Value(0)),
        When(verdict__in=("refused", "duplicate"), then=Value(1)),
        When(verdict="replaces", then=Value(2)),
        default=Value(3),
    )
    items = shown.items.select_related("intent").order_by(rank, "pk")
    context: dict[str, Any] = {
        "act": shown,
        "upstream": shown.upstream,
        "upstreams": upstreams()[:1],
        "page": listing(request, items, COLUMNS)[1],
        "as_of": timezone.now(),
        **_counts(shown),
    }
    # While it is under way; a plan waits for its user, and a report stays as it is.
    context["poll_seconds"] = 2 if shown.confirmed_at and not context["is_over"] else 0
    return polled_page(request, "providers/bulk/act.html", context)


def _counts(act: BulkAct) -> dict[str, Any]:
    """How many of each verdict there are, and how many of those to do are done, failed, open."""
    counted = act.items.values_list("verdict", "outcome", "intent__state").annotate(Count("pk"))
    verdicts, outcomes = Counter[str](), Counter[str]()
    for verdict, outcome, state, number in counted:
        verdicts[verdict] += number
        if verdict in BulkItem.TO_DO:
            outcomes[_outcome(outcome, state)] += number
    to_do = sum(outcomes.values())
    return {
        "verdicts": [
            (label, verdicts[value]) for value, label in BulkItem.Verdict.choices if verdicts[value]
        ],
        "to_do": to_do,
        "done": outcomes["done"],
        "failed": outcomes["failed"],
        "open": outcomes["open"],
        "is_over": act.finished_at is not None and not outcomes["open"],
    }


def _outcome(outcome: str, state: str | None) -> str:
    if state == STATES.VERIFIED:
        return BulkItem.Outcome.DONE
    if state in (STATES.FAILED, STATES.COMPENSATED):
        return BulkItem.Outcome.FAILED
    return outcome


@require_POST
@login_required
def confirm(request: HttpRequest, act_id: int) -> HttpResponse:
    """Have it carried out; a second time changes nothing."""
    confirmed = _act(request, act_id)
    if carrying_out.confirm(confirmed):
        carrying_out.start(confirmed)
    return redirect("bulk:act", act_id)


@require_POST
@login_required
def discard(request: HttpRequest, act_id: int) -> HttpResponse:
    """Forget a plan that was not confirmed."""
    discarded = _act(request, act_id)
    BulkAct.objects.filter(pk=act_id, confirmed_at=None).delete()
    return back_to("accounts:list", upstream=discarded.upstream.name)
