"""Filters of a JSON address: the upstreams that a token reaches, and refusals of invalid ones."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from management_proxy.tokens.access import honours_token_upstreams, token_of
from monitoring.api.errors import error

View = Callable[..., HttpResponseBase]


def invalid_query(form: forms.Form) -> JsonResponse:
    """400 naming each field, what was received and what is expected."""
    fields = {name: str(messages[0]) for name, messages in form.errors.items()}
    missing = [name for name in fields if not form.data.get(name) and "got nothing" in fields[name]]
    code = "VALIDATION_MISSING_FIELDS" if missing else "VALIDATION_ERROR"
    return error(400, code, _sentence(fields), fields=missing or fields)


def invalid_fields(fields: dict[str, str]) -> JsonResponse:
    """400 naming each field, for what only turns out when the query is planned."""
    return error(400, "VALIDATION_ERROR", _sentence(fields), fields=fields)


def _sentence(fields: dict[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in fields.items())


def filtered_by_upstream(view: View) -> View:
    """For a view with the filter `upstream`: a token that is limited to some upstreams has to name
    them, and no others (403)."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if refused := _refuse_upstreams(request):
            return refused
        return view(request, *args, **kwargs)

    return honours_token_upstreams(checked)


def _refuse_upstreams(request: HttpRequest) -> JsonResponse | None:
    token = token_of(request)
    if token is None or token.any_upstream:
        return None
    reached = set(token.upstreams.values_list("name", flat=True))
    named = set(filter(None, request.GET.getlist("upstream")))
    compared = request.GET.getlist("other") if request.GET.get("against") == "upstream" else []
    if named and not {*named, *compared} - reached:
        return None
    names = ", ".join(sorted(reached)) or "none any more"
    message = f"The token reaches {names}: name these in the filter `upstream`."
    return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", message)
