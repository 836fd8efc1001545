"""The pages of users, for staff."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from config.sign_in.links import LIFETIME
from monitoring.web.roles import staff_only, user_of
from providers.models import Intent
from usage.users import actions
from usage.users.actions import Refused
from usage.users.forms import HandoverForm, InviteForm, ListForm, RoleForm
from usage.users.handover import belongings, hand_over
from usage.users.queries import DAYS, State, user_row, user_rows
from usage.users.roles import may_change

PER_PAGE = 50


@require_GET
@never_cache
@staff_only
def users(request: HttpRequest) -> HttpResponse:
    """The users that fit the filter, a page of them."""
    chosen = ListForm(request.GET).chosen()
    rows = user_rows(**chosen)
    context = {
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "states": list(State),
        "days": DAYS,
    }
    return render(request, "usage/users/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def invite(request: HttpRequest) -> HttpResponse:
    """The form of an invitation; its link is part of the response that made it and of no other."""
    by = user_of(request)
    form = InviteForm(request.POST if request.method == "POST" else None, by=by)
    if form.is_bound and form.is_valid():
        try:
            user, secret = actions.invite(form.cleaned_data["name"], form.cleaned_data["role"], by)
            return _user_page(request, user, link=_link(request, secret), status=201)
        except Refused as refusal:
            form.add_error("name", str(refusal))
    status = 400 if form.is_bound else 200
    return render(request, "usage/users/invite.html", {"form": form}, status=status)


@require_GET
@never_cache
@staff_only
def user(request: HttpRequest, user_id: int) -> HttpResponse:
    """One user: what they own and use, and what can be done with them."""
    return _user_page(request, get_object_or_404(User, pk=user_id))


@require_POST
@never_cache
@staff_only
def link(request: HttpRequest, user_id: int) -> HttpResponse:
    """A new link to set a password, shown this once."""
    get_object_or_404(User, pk=user_id)
    try:
        user, secret = actions.new_link(user_id, user_of(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("users:user", user_id)
    return _user_page(request, user, link=_link(request, secret), status=201)


@require_POST
@staff_only
def disable(request: HttpRequest, user_id: int) -> HttpResponse:
    """Let the user in no more."""
    done = _("%(name)s is disabled; sessions and personal tokens have ended.")
    return _acted(request, user_id, actions.disable, done)


@require_POST
@staff_only
def enable(request: HttpRequest, user_id: int) -> HttpResponse:
    """Let the user in again."""
    return _acted(request, user_id, actions.enable, _("%(name)s can sign in again."))


@require_POST
@staff_only
def role(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give the user another role."""
    form = RoleForm(request.POST, user=get_object_or_404(User, pk=user_id))
    if not form.is_valid():
        messages.error(request, _("There is no such role."))
        return redirect("users:user", user_id)
    chosen = form.cleaned_data["role"]
    done = _("%(name)s has another role from now on.")
    return _acted(request, user_id, lambda pk, by: actions.set_role(pk, chosen, by), done)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@staff_only
def handover(request: HttpRequest, user_id: int) -> HttpResponse:
    """What the user owns, and handing it over."""
    user = get_object_or_404(User, pk=user_id)
    form = HandoverForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_bound and form.is_valid():
        try:
            intents = hand_over(user_id, form.handover(), user_of(request))
            _report(request, user, intents)
            return redirect("users:user", user_id)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "shown_user": user,
        "form": form,
        "found": belongings(user),
        "may_change": may_change(user_of(request), user),
    }
    status = 400 if form.is_bound else 200
    return render(request, "usage/users/hand_over.html", context, status=status)


def _acted(
    request: HttpRequest, user_id: int, act: Callable[[int, User], User], done: str
) -> HttpResponse:
    get_object_or_404(User, pk=user_id)
    try:
        user = act(user_id, user_of(request))
        messages.success(request, done % {"name": user.get_username()})
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("users:user", user_id)


def _report(request: HttpRequest, user: User, intents: list[Intent]) -> None:
    text = _("What %(name)s owned is handed over.")
    messages.success(request, text % {"name": user.get_username()})
    for intent in intents:
        if intent.state != Intent.State.VERIFIED:
            text = _("Change #%(number)s is not certain yet: %(why)s. Changes shows how it ends.")
            why = intent.error or intent.get_state_display()
            messages.warning(request, text % {"number": intent.pk, "why": why})


def _link(request: HttpRequest, secret: str) -> str:
    path = reverse("join", args=[secret])
    base = settings.DASHBOARD_URL
    return f"{base}{path}" if base else request.build_absolute_uri(path)


def _user_page(
    request: HttpRequest, user: User, *, link: str = "", status: int = 200
) -> HttpResponse:
    by = user_of(request)
    context: dict[str, Any] = {
        "row": user_row(user),
        # `user` is who looks at the page.
        "shown_user": user,
        "found": belongings(user),
        "may_change": may_change(by, user),
        "role_form": RoleForm(user=user) if by.is_superuser else None,
        "link": link,
        "link_days": LIFETIME.days,
        "days": DAYS,
    }
    return render(request, "usage/users/user.html", context, status=status)
