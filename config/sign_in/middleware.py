"""The user of a request, read when it is first needed."""

from django.contrib.auth import middleware
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from config.sign_in.sessions import user_of
from monitoring.logs.account import current_account


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's, with the user that came with the session."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _accounted_user(request))  # type: ignore[assignment]


def _accounted_user(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    user: AbstractBaseUser | AnonymousUser = user_of(request)
    current_account().user_id = user.pk
    return user
