"""Saved views: saving one, opening one, and their list."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from monitoring.web.roles import user_of
from usage.history.scope import Scope
from usage.models import SavedView
from usage.saved_views import actions
from usage.saved_views.actions import Refused
from usage.saved_views.queries import visible_to
from usage.web.saved.forms import NameForm, SaveForm
from usage.web.saved.pages import address_of
from usage.web.saved.rows import rows_for
from usage.web.saved.start import why_not_shown


@require_GET
@never_cache
@login_required
def views(request: HttpRequest) -> HttpResponse:
    """Own and shared views, with what can be done with each."""
    return render(request, "usage/saved/list.html", {"rows": rows_for(user_of(request))})


@require_GET
@never_cache
@login_required
def open_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """The page of a view; where it cannot be shown as it was saved, it says so."""
    view = _visible(request, view_id)
    if why := why_not_shown(view, Scope.of(request.user)):
        text = _("The view “%(name)s” is not what it was: %(why)s.")
        messages.warning(request, text % {"name": view.name, "why": why})
    return redirect(address_of(view.page, view.query))


@require_POST
@login_required
def save(request: HttpRequest) -> HttpResponse:
    """Save the page that the request names, and return to it."""
    form = SaveForm(request.POST, scope=Scope.of(request.user))
    if not form.is_valid():
        _report_errors(request, form)
        return redirect("usage:views")
    data = form.cleaned_data
    name, page, query = data["name"], data["page"], data["query"]
    try:
        actions.save(user_of(request), name, page, query, is_shared=data["is_shared"])
        messages.success(request, _("“%(name)s” is saved.") % {"name": name})
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(address_of(page, query))


@require_POST
@login_required
def rename(request: HttpRequest, view_id: int) -> HttpResponse:
    """Give a view another name."""
    form = NameForm(request.POST)
    if not form.is_valid():
        _report_errors(request, form)
        return redirect("usage:views")
    name = form.cleaned_data["name"]
    return _acted(request, view_id, lambda view: actions.rename(view, name, user_of(request)))


@require_POST
@login_required
def share(request: HttpRequest, view_id: int) -> HttpResponse:
    """Show a view to every user, or with an empty `shared` to its owner alone."""
    is_shared = bool(request.POST.get("shared"))
    by = user_of(request)
    return _acted(request, view_id, lambda view: actions.set_shared(view, by, is_shared=is_shared))


@require_POST
@login_required
def delete(request: HttpRequest, view_id: int) -> HttpResponse:
    """Delete a view."""
    return _acted(request, view_id, lambda view: actions.delete(view, user_of(request)))


@require_POST
@login_required
def start(request: HttpRequest, view_id: int = 0) -> HttpResponse:
    """Begin with a view, or without one with the Overview."""
    if not view_id:
        actions.start_with(None, user_of(request))
        return redirect("usage:views")
    return _acted(request, view_id, lambda view: actions.start_with(view, user_of(request)))


def _visible(request: HttpRequest, view_id: int) -> SavedView:
    found: SavedView = get_object_or_404(visible_to(request.user), pk=view_id)
    return found


def _acted(request: HttpRequest, view_id: int, act: Callable[[SavedView], None]) -> HttpResponse:
    try:
        act(_visible(request, view_id))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("usage:views")


def _report_errors(request: HttpRequest, form: NameForm) -> None:
    for name, texts in form.errors.items():
        messages.error(request, f"{name}: {texts[0]}")
