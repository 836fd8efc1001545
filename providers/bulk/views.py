"""Pages of acts on many accounts or keys: the plan to confirm, which becomes the report."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.texts.recorded import in_language
from monitoring.web.regions import polled_page
from monitoring.web.roles import user_of
from providers.bulk import carrying_out
from providers.bulk.archives import candidates
from providers.bulk.forms import ChoiceForm, KeysForm, ManyFilesForm
from providers.bulk.key_plans import plan_keys
from providers.bulk.kinds import SUBJECTS
from providers.bulk.plans import plan_change, plan_upload
from providers.bulk.queries import counts_of, is_over, items_of, own_acts
from providers.errors import ChangeRefused
from providers.keys.families import FAMILIES
from providers.models import BulkAct, BulkItem
from providers.web.listing import Columns, listing
from providers.web.pages import back_to, chosen_upstream, upstreams

COLUMNS: Columns[BulkItem] = {}
# The page that an act comes from and leads back to, and what the navigation calls it.
LISTS: dict[str, str] = {
    BulkAct.Subject.ACCOUNT: "accounts:list",
    BulkAct.Subject.CLIENT_KEY: "providers:client-keys",
    BulkAct.Subject.PROVIDER_KEY: "providers:keys",
}
SECTIONS: dict[str, str] = {
    BulkAct.Subject.ACCOUNT: "accounts",
    BulkAct.Subject.CLIENT_KEY: "client-keys",
    BulkAct.Subject.PROVIDER_KEY: "keys",
}


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
def add_keys(request: HttpRequest) -> HttpResponse:
    """Take provider keys in, one a line, and show what would become of each."""
    upstream, form = _upstream(request), KeysForm(request.POST)
    try:
        if not form.is_valid():
            raise ChangeRefused(gettext("Choose a family, and enter its keys."), "keys")
        data = form.cleaned_data
        lines, family = data["keys"].splitlines(), FAMILIES[data["family"]]
        act = plan_keys(upstream, user_of(request), family, lines, data["base_url"])
    except (ChangeRefused, UpstreamError) as problem:
        return _refused(request, upstream, problem, BulkAct.Subject.PROVIDER_KEY)
    return redirect("bulk:act", act.pk)


@require_POST
@never_cache
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Show what would become of the chosen ones, or of all that match the filters."""
    upstream, user, form = _upstream(request), user_of(request), ChoiceForm(request.POST)
    valid, data = form.is_valid(), form.cleaned_data
    subject = data.get("subject") or BulkAct.Subject.ACCOUNT
    try:
        if not valid:
            raise ChangeRefused(gettext("Choose what to do."), "verb")
        filters = QueryDict(request.POST.get("filters", "")) if data["everything"] else None
        things = SUBJECTS[subject].chosen(upstream, user, request.POST.getlist("name"), filters)
        act = plan_change(upstream, user, subject, things, data["verb"], data["value"])
    except (ChangeRefused, UpstreamError) as problem:
        return _refused(request, upstream, problem, subject)
    return redirect("bulk:act", act.pk)


def _upstream(request: HttpRequest) -> Upstream:
    if upstream := chosen_upstream(request):
        return upstream
    raise Http404


def _refused(
    request: HttpRequest,
    upstream: Upstream,
    problem: ChangeRefused | UpstreamError,
    subject: str = BulkAct.Subject.ACCOUNT,
) -> HttpResponse:
    if isinstance(problem, ChangeRefused):
        messages.error(request, problem.message)
    else:
        messages.error(
            request, gettext("Upstream unreachable: %(error)s") % {"error": in_language(problem)}
        )
    return back_to(LISTS[subject], upstream=upstream.name)


def _act(request: HttpRequest, act_id: int) -> BulkAct:
    """The act if it is the user's; 404 else."""
    return get_object_or_404(own_acts(user_of(request)), pk=act_id)


@require_GET
@never_cache
@login_required
def act(request: HttpRequest, act_id: int) -> HttpResponse:
    """What an act will do, or what became of it."""
    shown = _act(request, act_id)
    counts = counts_of(shown)
    context: dict[str, Any] = {
        "act": shown,
        "counts": counts,
        "is_over": is_over(shown, counts),
        "list": reverse(LISTS[shown.subject]),
        "section": SECTIONS[shown.subject],
        "upstream": shown.upstream,
        "upstreams": upstreams()[:1],
        "page": listing(request, items_of(shown), COLUMNS)[1],
        "as_of": timezone.now(),
    }
    # While it is under way; a plan waits for its user, and a report stays as it is.
    context["poll_seconds"] = 2 if shown.confirmed_at and not context["is_over"] else 0
    return polled_page(request, "providers/bulk/act.html", context)


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
    return back_to(LISTS[discarded.subject], upstream=discarded.upstream.name)
