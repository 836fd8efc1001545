"""What the addresses for staff share: who may call, and the forms of the pages for what is sent as
JSON, so that both refuse the same."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.cache import never_cache

from monitoring.api.errors import NOT_SIGNED_IN, error, method_not_allowed
from providers.errors import ChangeRefused
from providers.web.api import body_of, refused
from usage.api.filters import invalid_fields
from usage.history.dimensions import InvalidQuery

View = Callable[..., HttpResponse]
AnyForm = TypeVar("AnyForm", bound=forms.Form)


def for_staff(*methods: str) -> Callable[[View], View]:
    """Only these methods, only staff; refusals as JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return method_not_allowed(methods)
            if not request.user.is_authenticated:
                return error(*NOT_SIGNED_IN)
            if not request.user.is_staff:
                return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", "This address is for staff.")
            try:
                return view(request, *args, **kwargs)
            except InvalidQuery as wrong:
                return invalid_fields(wrong.fields)
            except ChangeRefused as refusal:
                return refused(refusal)

        return never_cache(checked)

    return decorate


def form_of(
    request: HttpRequest, fields: Mapping[str, str], make: Callable[[dict[str, Any]], AnyForm]
) -> AnyForm:
    """The form of the request's JSON object, valid; `fields` are its fields by their JSON names.

    Raises InvalidQuery, in English, and ChangeRefused for what is no such object. What has to be
    confirmed is an error of `confirmed`.
    """
    body = body_of(request, tuple(fields))
    if wrong := {name for name, value in body.items() if isinstance(value, list | dict)}:
        raise InvalidQuery(dict.fromkeys(sorted(wrong), "expected a text, a number or a boolean"))
    given = {fields[name]: value for name, value in body.items() if value is not None}
    with translation.override("en"):
        form = make(given)
        for field in form.fields.values():
            if isinstance(field, forms.DateField):
                field.input_formats = ["%Y-%m-%d"]
        if form.is_valid():
            return form
        names = {field: name for name, field in fields.items()} | {"__all__": "confirmed"}
        raise InvalidQuery(
            {names[field]: str(messages[0]) for field, messages in form.errors.items()}
        )
