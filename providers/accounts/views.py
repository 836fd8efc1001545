"""The accounts' pages: the list, one account, and what can be done with it."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import UpstreamError
from management_proxy.client.oauth import FLOWS
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.texts.recorded import in_language
from monitoring.web.regions import polled_page, read_again
from monitoring.web.roles import staff_only, user_of
from providers.accounts import actions
from providers.accounts.forms import AccountFilterForm, AccountForm, GrantForm, UploadForm
from providers.accounts.listed import is_known, known_files
from providers.accounts.queries import (
    COLUMNS,
    AccountRow,
    account_rows,
    counted,
    extra_fields,
    find_account,
    matching,
)
from providers.accounts.states import last_known_files
from providers.accounts.uploads import LARGEST_UPLOAD
from providers.errors import ChangeRefused
from providers.models import AccountLogin, BulkAct
from providers.web.listing import listing
from providers.web.pages import back_to, chosen_upstream, report, upstreams, usage_filter
from providers.web.patience import KEPT_SECONDS, patience

Action = Callable[[HttpRequest, Upstream, str], HttpResponse | None]


@require_GET
@never_cache
@login_required
def accounts(request: HttpRequest) -> HttpResponse:
    """The list with its filters, or the polled region alone."""
    upstream, user = chosen_upstream(request), user_of(request)
    form = AccountFilterForm(request.GET)
    chosen = form.chosen()
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "chosen": chosen,
        "flows": FLOWS.values(),
        "upload": UploadForm(),
        "verbs": BulkAct.verbs_of(BulkAct.Subject.ACCOUNT, is_staff=user.is_staff),
        "logins": AccountLogin.objects.filter(
            user=user, settled_at=None, expires_at__gt=timezone.now()
        ).select_related("upstream"),
    }
    rows, read_at, trouble = _rows(request, upstream) if upstream else ([], None, "")
    order, page = listing(request, matching(rows, **chosen), COLUMNS)
    context |= {"page": page, "order": order, "all_count": len(rows), "counts": counted(rows)}
    context |= {"as_of": read_at or timezone.now(), "read_at": read_at, "trouble": trouble}
    return polled_page(
        request, "providers/accounts.html", context, version=_shown(request, context)
    )


def _rows(
    request: HttpRequest, upstream: Upstream
) -> tuple[list[AccountRow], datetime | None, str]:
    """The accounts, when they were read, and why not since."""
    user = user_of(request)
    try:
        with nullcontext() if is_known(upstream) else patience(request, upstream):
            listed = known_files(upstream)
    except UpstreamError as error:
        files, read_at = last_known_files(upstream)
        return account_rows(upstream, user, files), read_at, str(error)
    if listed.is_late or listed.trouble:
        read_again(request, 0 if listed.is_late else KEPT_SECONDS)
    return account_rows(upstream, user, listed.files), listed.read_at, listed.trouble


def _shown(request: HttpRequest, context: dict[str, Any]) -> object:
    """All that the region shows: rows, counts, the minute where an age or a countdown moves, and
    the secret of its forms."""
    page, minute = context["page"], timezone.now().replace(second=0, microsecond=0)
    rows = list(page) if page else []
    return (
        rows,
        page and (page.number, page.paginator.count),
        (context["all_count"], context["trouble"]),
        minute if context["trouble"] or any(row.retry_at for row in rows) else None,
        request.META.get("CSRF_COOKIE"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@sensitive_post_parameters("proxy_url")
def account(request: HttpRequest) -> HttpResponse:
    """One account: health, models, and its fields to change."""
    upstream, row = _found(request)
    user = user_of(request)
    shown = {"note": row.file.note, "priority": row.file.priority, "weight": row.file.weight}
    try:
        models: list[str] = auth_file_client.auth_file_models(client_for(upstream), row.file.name)
        shown |= extra_fields(upstream, row.file.name)
    except UpstreamError as error:
        models = []
        messages.warning(
            request,
            gettext("Not everything could be read: %(error)s") % {"error": in_language(error)},
        )
    form = AccountForm(
        request.POST if request.method == "POST" else None, is_staff=user.is_staff, initial=shown
    )
    if form.is_bound and form.is_valid():
        if not form.changes():
            messages.success(request, gettext("Nothing to change."))
            return _to_account(upstream, row.file.name)
        try:
            report(
                request,
                actions.edit(upstream, user, row.file.name, form.changes()),
                gettext("Saved."),
            )
            return _to_account(upstream, row.file.name)
        except ChangeRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.message)
    context = {
        "upstream": upstream,
        "row": row,
        "models": models,
        "form": form,
        "grant": GrantForm(initial={"owner": row.owner}),
        "usage_filter": usage_filter(upstream, [row.file.auth_index]),
    }
    return render(request, "providers/account.html", context, status=400 if form.is_bound else 200)


def _found(request: HttpRequest) -> tuple[Upstream, AccountRow]:
    upstream = chosen_upstream(request)
    name = request.GET.get("name", "")
    row = find_account(upstream, user_of(request), name) if upstream and name else None
    if upstream is None or row is None:
        raise Http404(gettext("There is no such account, or it is not yours."))
    return upstream, row


def _to_account(upstream: Upstream, name: str) -> HttpResponse:
    return back_to("accounts:account", upstream=upstream.name, name=name)


def _action(act: Action) -> Callable[[HttpRequest], HttpResponseBase]:
    """A POST about one account of one upstream: refusals become messages, and the way leads back to
    where it came from."""

    @require_POST
    @never_cache
    @login_required
    @wraps(act)
    def view(request: HttpRequest) -> HttpResponse:
        upstream, name = chosen_upstream(request), request.POST.get("name", "")
        if upstream is None:
            raise Http404(gettext("There is no such upstream."))
        try:
            if response := act(request, upstream, name):
                return response
        except ChangeRefused as refused:
            messages.error(request, refused.message)
        except UpstreamError as error:
            messages.error(
                request,
                gettext("The upstream did not apply it: %(error)s") % {"error": in_language(error)},
            )
        return (
            _to_account(upstream, name)
            if request.POST.get("back") == "account"
            else back_to("accounts:list", upstream=upstream.name)
        )

    return view


@_action
def switch(request: HttpRequest, upstream: Upstream, name: str) -> None:
    """Enable or disable it."""
    disabled = request.POST.get("disabled") == "true"
    report(
        request,
        actions.switch(upstream, user_of(request), name, disabled=disabled),
        f"{name} is {'disabled' if disabled else 'enabled'}.",
    )


@_action
def delete(request: HttpRequest, upstream: Upstream, name: str) -> HttpResponse | None:
    """Delete it, which the user has confirmed on the page."""
    done = report(
        request,
        actions.delete(upstream, user_of(request), name),
        gettext("%(name)s is deleted.") % {"name": name},
    )
    return back_to("accounts:list", upstream=upstream.name) if done else None


@_action
def reset(request: HttpRequest, upstream: Upstream, name: str) -> None:
    """End its cooldown upstream."""
    actions.reset_cooldown(upstream, user_of(request), name)
    messages.success(request, gettext("The upstream tries it again at once."))


@_action
def upload(request: HttpRequest, upstream: Upstream, _name: str) -> HttpResponse | None:
    """Take a file in, after checks."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        raise ChangeRefused(gettext("Choose a file first."), "file")
    file = form.cleaned_data["file"]
    content = file.read(LARGEST_UPLOAD + 1)
    intent = actions.upload(
        upstream,
        user_of(request),
        file.name,
        content,
        twin_accepted=form.cleaned_data["twin_accepted"],
    )
    return (
        _to_account(upstream, file.name)
        if report(request, intent, gettext("The account is connected and yours."))
        else None
    )


@staff_only
@_action
def download(request: HttpRequest, upstream: Upstream, name: str) -> HttpResponse:
    """The file with its tokens, for staff; audited."""
    content = actions.download(upstream, user_of(request), name)
    headers = {
        "Content-Disposition": 'attachment; filename="account.json"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(content, content_type="application/json", headers=headers)


@staff_only
@_action
def grant(request: HttpRequest, upstream: Upstream, name: str) -> None:
    """Name its owner."""
    form = GrantForm(request.POST)
    if not form.is_valid():
        raise ChangeRefused(gettext("There is no such user."), "owner")
    owner = form.cleaned_data["owner"]
    actions.grant(upstream, user_of(request), name, owner)
    text = (
        gettext("%(name)s belongs to %(owner)s now.") % {"name": name, "owner": owner}
        if owner
        else gettext("%(name)s has no owner now.") % {"name": name}
    )
    messages.success(request, text)
