"""The custom providers' pages: the list by group, one provider, and the groups."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.texts.recorded import in_language
from monitoring.web.regions import asks_for_region
from monitoring.web.roles import user_of
from providers.custom import actions
from providers.custom.actions import Place
from providers.custom.forms import CustomProviderForms, GroupForm
from providers.custom.queries import CustomRow, custom_rows, find_custom, sections, visible_groups
from providers.errors import ChangeRefused
from providers.models import ProviderGroup
from providers.web.pages import back_to, chosen_upstream, report, upstreams
from providers.web.patience import patience

Action = Callable[[HttpRequest, Upstream], HttpResponse | None]


@require_GET
@never_cache
@login_required
def providers(request: HttpRequest) -> HttpResponse:
    """The list by group."""
    upstream, user = chosen_upstream(request), user_of(request)
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "sections": [],
        "trouble": "",
        "group_form": GroupForm(),
    }
    if upstream:
        try:
            with patience(request, upstream):
                rows = custom_rows(upstream, user)
            context |= {
                "sections": sections(rows, visible_groups(upstream, user), user),
                "row_count": len(rows),
            }
        except UpstreamError as error:
            context["trouble"] = str(error)
    return render(request, "providers/custom/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters()
def provider(request: HttpRequest) -> HttpResponse:
    """A new provider, or the one that `name` names: fields, keys, models, headers; listing
    its models."""
    upstream, user = chosen_upstream(request), user_of(request)
    if upstream is None:
        raise Http404(gettext("There is no such upstream."))
    row = _row(request, upstream)
    forms = CustomProviderForms(
        request.POST if request.method == "POST" else None, user, upstream, row
    )
    found: list[str] = []
    if request.method == "POST" and forms.is_valid():
        try:
            if request.POST.get("step") == "discover":
                found = _discovered(request, forms, row)
            elif _saved(request, upstream, forms, row):
                return back_to("custom-providers:list", upstream=upstream.name)
        except ChangeRefused as refused:
            forms.complain(refused.field, refused.message)
        except UpstreamError as error:
            forms.complain(
                "", gettext("Upstream unreachable: %(error)s") % {"error": in_language(error)}
            )
    context = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "row": row,
        "forms": forms,
        "found": found,
        "chosen": request.POST.getlist("found"),
    }
    if asks_for_region(request) and request.POST.get("step") == "discover":
        return render(request, "providers/custom/found.html", context)
    return render(
        request,
        "providers/custom/provider.html",
        context,
        status=400 if forms.provider.errors else 200,
    )


def _row(request: HttpRequest, upstream: Upstream) -> CustomRow | None:
    name = request.GET.get("name", "")
    if not name:
        return None
    try:
        row = find_custom(upstream, user_of(request), name)
    except ChangeRefused as error:
        raise Http404(str(error)) from error
    if not row.may_manage:
        raise Http404(gettext("You do not own it."))
    return row


def _discovered(
    request: HttpRequest, forms: CustomProviderForms, row: CustomRow | None
) -> list[str]:
    found = actions.discover(
        forms.provider.cleaned_data["base_url"], forms.typed_key(), forms.typed_headers(), row
    )
    known = {str(model.get("name")) for model in (row.models if row else [])}
    fresh = [name for name in found if name not in known]
    if not fresh:
        raise ChangeRefused(
            gettext("It lists no model that is not here already.")
            if found
            else gettext("It lists no models."),
            "base_url",
        )
    return fresh


def _saved(
    request: HttpRequest, upstream: Upstream, forms: CustomProviderForms, row: CustomRow | None
) -> bool:
    user, given, found = (
        user_of(request),
        forms.provider.cleaned_data,
        request.POST.getlist("found")[:500],
    )
    place = Place(is_shared=given.get("is_shared"), group=given["group"], group_given=True)
    if row is None:
        fields = {name: value for name, value in forms.entry(found).items() if value is not None}
        return report(
            request,
            actions.create(upstream, user, fields, place),
            gettext("%(name)s is added.") % {"name": given["name"]},
        )
    changes = forms.changes(found)
    if changes and not report(
        request,
        actions.edit(upstream, user, row, changes),
        gettext("%(name)s is saved.") % {"name": given["name"]},
    ):
        return False
    if (given["group"], given.get("is_shared", row.is_shared)) != (row.group, row.is_shared):
        actions.place_provider(upstream, user, find_custom(upstream, user, given["name"]), place)
    return True


def _action(act: Action) -> Callable[[HttpRequest], HttpResponse]:
    """A POST about one upstream: refusals become messages, and the way leads back to the list."""

    @require_POST
    @never_cache
    @login_required
    @wraps(act)
    def view(request: HttpRequest) -> HttpResponse:
        upstream = chosen_upstream(request)
        if upstream is None:
            raise Http404(gettext("There is no such upstream."))
        try:
            act(request, upstream)
        except ChangeRefused as refused:
            messages.error(request, refused.message)
        except UpstreamError as error:
            messages.error(
                request,
                gettext("The upstream did not apply it: %(error)s") % {"error": in_language(error)},
            )
        return back_to("custom-providers:list", upstream=upstream.name)

    return view


def _named(request: HttpRequest, upstream: Upstream) -> CustomRow:
    return find_custom(upstream, user_of(request), request.POST.get("name", ""))


@_action
def switch(request: HttpRequest, upstream: Upstream) -> None:
    """One provider in or out of use."""
    row, disabled = _named(request, upstream), request.POST.get("disabled") == "true"
    report(
        request,
        actions.switch(upstream, user_of(request), row, disabled=disabled),
        (gettext("%(name)s is out of use.") if disabled else gettext("%(name)s is in use."))
        % {"name": row.name},
    )


@_action
def move(request: HttpRequest, upstream: Upstream) -> None:
    """One place up or down."""
    row = _named(request, upstream)
    report(
        request,
        actions.move(upstream, user_of(request), row, up=request.POST.get("to") == "up"),
        gettext("%(name)s is moved.") % {"name": row.name},
    )


@_action
def remove(request: HttpRequest, upstream: Upstream) -> None:
    """Remove one, which the user has confirmed on the page."""
    row = _named(request, upstream)
    report(
        request,
        actions.remove(upstream, user_of(request), row),
        gettext("%(name)s is removed.") % {"name": row.name},
    )


def _group(request: HttpRequest, upstream: Upstream) -> ProviderGroup:
    number = request.POST.get("group", "")
    group = (
        visible_groups(upstream, user_of(request)).filter(pk=number).first()
        if number.isdecimal() and len(number) < 19
        else None
    )
    if group is None:
        raise ChangeRefused(gettext("There is no such group."), "group", "RESOURCE_NOT_FOUND")
    return group


@_action
def save_group(request: HttpRequest, upstream: Upstream) -> None:
    """A new group, or another name or colour for one."""
    group = _group(request, upstream) if request.POST.get("group") else None
    name, colour = request.POST.get("name", ""), request.POST.get("colour", "")
    saved = actions.save_group(
        upstream,
        user_of(request),
        name,
        colour,
        group=group,
        is_everybodys=bool(request.POST.get("is_everybodys")),
    )
    messages.success(request, gettext("Group %(group)s is saved.") % {"group": saved})


@_action
def remove_group(request: HttpRequest, upstream: Upstream) -> None:
    """Dissolve a group."""
    group = _group(request, upstream)
    actions.remove_group(user_of(request), group)
    messages.success(
        request, gettext("Group %(group)s is dissolved; its providers stay.") % {"group": group}
    )


@_action
def switch_group(request: HttpRequest, upstream: Upstream) -> None:
    """All providers of a group in or out of use."""
    group, disabled = _group(request, upstream), request.POST.get("disabled") == "true"
    report(
        request,
        actions.switch_group(upstream, user_of(request), group, disabled=disabled),
        (
            gettext("Group %(group)s is out of use.")
            if disabled
            else gettext("Group %(group)s is in use.")
        )
        % {"group": group},
    )
