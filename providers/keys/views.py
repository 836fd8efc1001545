"""The pages of provider keys: the list, one key, and what can be done with it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.web.regions import polled_page
from monitoring.web.roles import user_of
from providers.errors import ChangeRefused
from providers.keys import actions as keys
from providers.keys.families import UNNAMED, Family
from providers.keys.forms import EntryForm
from providers.keys.queries import (
    COLUMNS,
    STATES,
    ListedKey,
    find_listed,
    last_known_keys,
    listed_keys,
    matching,
    visible_to,
)
from providers.keys.trial import try_key
from providers.models import BulkAct
from providers.web.forms import ListFilterForm, owner_names
from providers.web.listing import listing
from providers.web.pages import back_to, chosen_upstream, report, upstreams, usage_filter
from providers.web.patience import patience


@require_GET
@never_cache
@login_required
def provider_keys(request: HttpRequest) -> HttpResponse:
    """Every key that the user may see, or the polled region alone."""
    upstream = chosen_upstream(request)
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "families": UNNAMED,
        "as_of": timezone.now(),
        "trouble": "",
    }
    if upstream:
        try:
            with patience(request, upstream):
                keys = listed_keys(upstream, client_for(upstream), UNNAMED)
        except UpstreamError as error:
            keys, context["trouble"] = last_known_keys(upstream), str(error)
        context |= _listed(request, keys)
    return polled_page(request, "providers/keys.html", context)


def _listed(request: HttpRequest, everything: list[ListedKey]) -> dict[str, Any]:
    """A page of the keys as the filters want them, and the filters."""
    rows = visible_to(user_of(request), everything)
    chosen = ListFilterForm(request.GET, STATES).chosen()
    order, page = listing(request, matching(rows, chosen), COLUMNS)
    return {
        "page": page,
        "order": order,
        "all_count": len(rows),
        "verbs": BulkAct.verbs_of(BulkAct.Subject.PROVIDER_KEY, is_staff=user_of(request).is_staff),
        "others": len(everything) - len(rows),
        "chosen": chosen,
        "states": STATES,
        "owners": owner_names(row.owner for row in rows),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers", "proxy_url")
def new_key(request: HttpRequest, family: Family) -> HttpResponse:
    """A new key of a family."""
    upstream, user = chosen_upstream(request), user_of(request)
    if upstream is None or family not in UNNAMED:
        raise Http404
    form = EntryForm(
        family,
        {},
        request.POST if request.method == "POST" else None,
        is_staff=user.is_staff,
        initial={"owner": user},
    )
    if form.is_bound and form.is_valid():
        try:
            data = form.cleaned_data
            new = keys.NewKey(
                family,
                form.changes(),
                owner=data["owner"] if user.is_staff else user,
                name=data["name"],
                note=data["note"],
            )
            report(
                request,
                keys.add(upstream, new, user),
                gettext("The %(label)s key was added.") % {"label": family.label},
            )
            return back_to("providers:keys", upstream=upstream.name)
        except ChangeRefused as refusal:
            form.refuse(refusal)
    return render(
        request,
        "providers/key.html",
        {"upstream": upstream, "family": family, "form": form},
        status=400 if form.is_bound else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("key", "headers", "proxy_url")
def provider_key(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """One key: its fields to change, and what else can be done with it."""
    upstream, listed = _found(request, key_id, family)
    if family is None and request.method != "POST":
        return redirect(
            f"{reverse('providers:key', args=[listed.family, key_id])}{_query(request)}"
        )
    user = user_of(request)
    shown = {"name": listed.name, "note": listed.note, "owner": listed.owner_id}
    form = EntryForm(
        listed.family,
        listed.entry,
        request.POST if request.method == "POST" else None,
        is_staff=user.is_staff,
        initial=shown,
    )
    if form.is_bound and form.is_valid():
        try:
            _save(request, upstream, listed, form)
            return back_to("providers:keys", upstream=upstream.name)
        except ChangeRefused as refusal:
            form.refuse(refusal)
    context = {
        "upstream": upstream,
        "family": listed.family,
        "key": listed,
        "form": form,
        "usage_filter": usage_filter(upstream, listed.auth_indexes),
    }
    return render(request, "providers/key.html", context, status=400 if form.is_bound else 200)


def _save(request: HttpRequest, upstream: Upstream, listed: ListedKey, form: EntryForm) -> None:
    user, data = user_of(request), form.cleaned_data
    changes = form.changes()
    if (
        listed.row is None
        or (data["name"], data["note"]) != (listed.name, listed.note)
        or (user.is_staff and data["owner"] != listed.row.owner)
    ):
        keys.rename(
            upstream,
            listed,
            user,
            name=data["name"],
            note=data["note"],
            owner=data["owner"] if user.is_staff else user,
            owner_given=user.is_staff,
        )
    if changes:
        report(request, keys.edit(upstream, listed, changes, user), gettext("Saved."))
    else:
        messages.success(request, gettext("Saved."))


@require_POST
@login_required
def switch(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """Out of use, or back into use."""
    upstream, listed = _found(request, key_id, family)
    disabled = request.POST.get("disabled") == "true"
    report(
        request,
        keys.switch(upstream, listed, disabled, user_of(request)),
        (gettext("%(name)s is out of use.") if disabled else gettext("%(name)s is in use."))
        % {"name": listed.label},
    )
    return back_to("providers:keys", upstream=upstream.name)


@require_POST
@login_required
def remove(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """Remove it upstream."""
    upstream, listed = _found(request, key_id, family)
    report(
        request,
        keys.remove(upstream, listed, user_of(request)),
        gettext("%(label)s was removed.") % {"label": listed.label},
    )
    return back_to("providers:keys", upstream=upstream.name)


@require_POST
@login_required
def trial(request: HttpRequest, key_id: str, family: Family | None = None) -> HttpResponse:
    """Try it with the provider, through the upstream."""
    upstream, listed = _found(request, key_id, family)
    try:
        result = try_key(upstream, listed, user_of(request))
        (messages.success if result.ok else messages.warning)(
            request, f"{listed.label}: {result.message}."
        )
    except (ChangeRefused, UpstreamError) as problem:
        messages.error(
            request,
            gettext("%(label)s could not be tried: %(problem)s")
            % {"label": listed.label, "problem": problem},
        )
    return back_to("providers:keys", upstream=upstream.name)


def _query(request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return f"?{query}" if query else ""


def _found(request: HttpRequest, key_id: str, family: Family | None) -> tuple[Upstream, ListedKey]:
    """The key if the user may see it, else 404, whether or not it exists; without a family, every
    list is searched."""
    upstream = chosen_upstream(request)
    if upstream is None or (family and family not in UNNAMED):
        raise Http404
    everything = listed_keys(upstream, client_for(upstream), [family] if family else UNNAMED)
    listed = find_listed(visible_to(user_of(request), everything), key_id)
    if listed is None:
        raise Http404
    return upstream, listed
