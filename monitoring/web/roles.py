"""Who may open a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext

View = Callable[..., HttpResponseBase]


def user_of(request: HttpRequest) -> User:
    """The signed-in user; raises PermissionDenied without one."""
    if not isinstance(request.user, User):
        raise PermissionDenied(gettext("Sign in first."))
    return request.user


def staff_only(view: View) -> View:
    """Send strangers to the login and refuse all but staff with 403."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_staff:
            raise PermissionDenied(gettext("This page is for staff."))
        return view(request, *args, **kwargs)

    return login_required(checked)
