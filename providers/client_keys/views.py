"""The pages of client keys: the list with a form for a new one, one key, rotate and revoke."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.texts.recorded import in_language
from monitoring.web.roles import user_of
from providers.client_keys import actions as keys
from providers.client_keys.actions import MadeKey
from providers.client_keys.forms import ClientKeyForm, RotateForm, shown_terms
from providers.client_keys.queries import (
    STATES,
    columns_of,
    listed_digests,
    matching,
    note_listed,
    shown_keys,
    visible_rows,
)
from providers.errors import ChangeRefused
from providers.models import BulkAct, ClientKey
from providers.web.forms import ListFilterForm, owner_names
from providers.web.listing import listing
from providers.web.pages import back_to, chosen_upstream, report, upstreams
from providers.web.patience import patience


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def client_keys(request: HttpRequest) -> HttpResponse:
    """The keys that the user may see; a new one is part of the response that made it and of no
    other."""
    upstream, user = chosen_upstream(request), user_of(request)
    form = ClientKeyForm(
        request.POST if request.method == "POST" else None,
        is_staff=user.is_staff,
        initial={"owner": user},
    )
    made: MadeKey | None = None
    if upstream and form.is_bound and form.is_valid():
        try:
            data = form.cleaned_data
            made = keys.create(
                upstream,
                user,
                owner=data["owner"] if user.is_staff else user,
                name=data["name"],
                terms=form.terms(),
                note=data["note"],
            )
            form = ClientKeyForm(is_staff=user.is_staff, initial={"owner": user})
        except ChangeRefused as refusal:
            form.refuse(refusal)
    return _page(request, upstream, form, made)


def _page(
    request: HttpRequest, upstream: Upstream | None, form: ClientKeyForm, made: MadeKey | None
) -> HttpResponse:
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "form": form,
        "made": made,
        "as_of": timezone.now(),
        **(_listed(request, upstream) if upstream else {}),
    }
    return render(
        request,
        "providers/client_keys.html",
        context,
        status=400 if form.is_bound else 201 if made else 200,
    )


def _listed(request: HttpRequest, upstream: Upstream) -> dict[str, Any]:
    """A page of the keys as the filters want them, and the filters."""
    listed, trouble = None, ""
    try:
        with patience(request, upstream):
            listed = listed_digests(client_for(upstream))
        note_listed(upstream, listed)
    except UpstreamError as error:
        trouble = str(error)
    rows = list(visible_rows(user_of(request), upstream))
    chosen = ListFilterForm(request.GET, STATES).chosen()
    order, page = listing(request, matching(rows, listed, chosen), columns_of(upstream))
    prefetch_related_objects(list(page), "replaces")
    return {
        "page": page,
        "order": order,
        "verbs": BulkAct.verbs_of(BulkAct.Subject.CLIENT_KEY, is_staff=user_of(request).is_staff),
        "rows": shown_keys(page, listed),
        "all_count": len(rows),
        "chosen": chosen,
        "states": STATES,
        "owners": owner_names(row.owner for row in rows),
        "trouble": trouble,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def client_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """One key: name, owner and terms to change (which adopts one that was only seen), rotate,
    revoke."""
    row, user = _found(request, key_id), user_of(request)
    form = ClientKeyForm(
        request.POST if request.method == "POST" else None,
        is_staff=user.is_staff,
        initial=shown_terms(row),
    )
    if form.is_bound and form.is_valid():
        try:
            change = keys.adopt if row.state == ClientKey.State.SEEN else keys.edit
            change(
                row,
                user,
                owner=form.cleaned_data["owner"] if user.is_staff else user,
                name=form.cleaned_data["name"],
                terms=form.terms(),
                note=form.cleaned_data["note"],
            )
            return back_to("providers:client-keys", upstream=row.upstream.name)
        except ChangeRefused as refusal:
            form.refuse(refusal)
        except UpstreamError as error:
            form.add_error(
                None,
                gettext("Upstream unreachable, so the key cannot be found: %(error)s")
                % {"error": in_language(error)},
            )
    return _key_page(request, row, form)


def _key_page(
    request: HttpRequest, row: ClientKey, form: ClientKeyForm, made: MadeKey | None = None
) -> HttpResponse:
    (key,) = shown_keys([row], None)
    context = {
        "upstream": row.upstream,
        "key": key,
        "form": form,
        "rotate": RotateForm(),
        "made": made,
    }
    return render(
        request,
        "providers/client_key.html",
        context,
        status=400 if form.is_bound else 201 if made else 200,
    )


@require_POST
@never_cache
@login_required
def rotate(request: HttpRequest, key_id: int) -> HttpResponse:
    """A new key in its place, shown once; the old one ends after the overlap."""
    row, form = _found(request, key_id), RotateForm(request.POST)
    try:
        if not form.is_valid():
            raise ChangeRefused(gettext("choose when the old one ends"))
        made = keys.rotate(row, user_of(request), timedelta(hours=form.cleaned_data["overlap"]))
    except ChangeRefused as refusal:
        edited = ClientKeyForm(shown_terms(row), is_staff=request.user.is_staff)
        edited.is_valid()
        edited.add_error(None, refusal.message)
        return _key_page(request, row, edited)
    return _page(
        request,
        row.upstream,
        ClientKeyForm(is_staff=request.user.is_staff, initial={"owner": user_of(request)}),
        made,
    )


@require_POST
@login_required
def switch(request: HttpRequest, key_id: int) -> HttpResponse:
    """Out of use, or back into use."""
    row, disabled = _found(request, key_id), request.POST.get("disabled") == "true"
    done = gettext("%(name)s is out of use.") if disabled else gettext("%(name)s is in use.")
    try:
        intent = keys.switch(row, user_of(request), disabled=disabled)
        report(request, intent, done % {"name": row.display_name})
    except (ChangeRefused, UpstreamError) as problem:
        messages.error(
            request, gettext("Nothing was changed: %(state)s") % {"state": in_language(problem)}
        )
    return redirect("providers:client-key", key_id)


@require_POST
@login_required
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Remove it upstream at once."""
    row = _found(request, key_id)
    report(
        request,
        keys.revoke(row, user_of(request)),
        gettext("%(name)s was revoked; the upstream refuses it from now on.")
        % {"name": row.display_name},
    )
    return back_to("providers:client-keys", upstream=row.upstream.name)


def _found(request: HttpRequest, key_id: int) -> ClientKey:
    """The key if the user may see it; 404 else."""
    rows = ClientKey.objects.select_related("owner", "upstream", "replaces").filter(pk=key_id)
    row = rows.first() if request.user.is_staff else rows.filter(owner=user_of(request)).first()
    if row is None:
        raise Http404
    return row
