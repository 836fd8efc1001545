"""Every page shows amounts in the currency of its user, at today's rate unless its view names
another day."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from monitoring.web.currency import showing
from usage.currencies.queries import currency_of


class CurrencyMiddleware:
    """Looks nothing up before the first amount is written down."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._respond = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with showing(lambda: currency_of(request.user.pk, timezone.localdate())):
            return self._respond(request)
