"""The user of a request, read when it is first needed."""

from django.contrib.auth import middleware
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from config.sign_in.sessions import user_of


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """Django's, with the user that came with the session."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: user_of(request))  # type: ignore[assignment]
