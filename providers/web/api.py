"""What the JSON views of this app share: the caller, the upstream and the body of a request, and
what refusals and changes respond.

Errors have the form of `monitoring/api/errors.py`; a change responds with its intent, so that after
a 202 the caller can follow it at `/api/providers/changes/<id>`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from management_proxy.client.errors import (
    Blocked,
    NotReached,
    Refused,
    ResponseTimeout,
    UpstreamError,
)
from management_proxy.models import Upstream
from management_proxy.tokens.access import honours_token_upstreams, token_of
from management_proxy.uploaded_text import UnreadableText, decoded_text
from management_proxy.upstreams.registry import ensure_environment_upstream, heeds_environment
from monitoring.api.errors import NOT_SIGNED_IN, error, method_not_allowed
from monitoring.web.roles import user_of
from providers.errors import ChangeRefused
from providers.funnel.writes import ahead_of
from providers.models import Intent

LARGEST_BODY = 1024 * 1024
STATUS_OF_CODE = {
    "AUTH_INSUFFICIENT_PERMISSIONS": 403,
    "LIMIT_REACHED": 403,
    "KEY_NOT_FOUND": 404,
    "RESOURCE_NOT_FOUND": 404,
    "KEY_ALREADY_EXISTS": 409,
    "ALREADY_EXISTS": 409,
    "DUPLICATE_ACCOUNT": 409,
    "BUSY": 409,
    "CONFLICT": 409,
    "LAST_CLIENT_KEY": 409,
    "BODY_TOO_LARGE": 413,
    "UPSTREAM_REFUSED": 422,
    "QUEUE_FULL": 503,
    "CONFIG_ERROR": 503,
}
View = Callable[..., HttpResponse]


def json_api(*methods: str) -> Callable[[View], View]:
    """For a JSON view: only these methods, only signed-in callers, refusals and upstream errors as
    JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return method_not_allowed(methods)
            if not request.user.is_authenticated:
                return error(*NOT_SIGNED_IN)
            try:
                return view(request, *args, **kwargs)
            except ChangeRefused as refusal:
                return refused(refusal)
            except UpstreamError as problem:
                return upstream_failed(problem)

        return honours_token_upstreams(never_cache(checked))

    return decorate


def refused(refusal: ChangeRefused) -> JsonResponse:
    """The response to a refused change; details name the field."""
    status = STATUS_OF_CODE.get(refusal.code, 400)
    return error(
        status,
        refusal.code,
        _sentence(refusal.field, refusal.message),
        headers={"Retry-After": "10"} if status == 503 else None,
        **_fields(refusal.field, refusal.message),
    )


def _sentence(field: str, message: str) -> str:
    return f"{field}: {message}" if field else message


def _fields(field: str, message: str) -> dict[str, Any]:
    return {"fields": {field: message}} if field else {}


def upstream_failed(problem: UpstreamError) -> JsonResponse:
    """422 for what it will not take, 503 while it may or can not be called, 504 for our limits, 502
    for what else it responded."""
    if isinstance(problem, Refused) and problem.is_of_request:
        return error(422, "UPSTREAM_REFUSED", f"The upstream refused the request: {problem}")
    status = 502
    if isinstance(problem, ResponseTimeout):
        status = 504
    elif isinstance(problem, Blocked | NotReached):
        status = 503
    return error(status, "UPSTREAM_ERROR", f"The request to the upstream failed: {problem}")


def body_of(
    request: HttpRequest, allowed: tuple[str, ...], *, largest: int = LARGEST_BODY
) -> dict[str, Any]:
    """The request's JSON object; raises ChangeRefused naming what is wrong with it."""
    if len(request.body) > largest:
        raise ChangeRefused(f"a body has at most {largest // 1024} KiB", "", "BODY_TOO_LARGE")
    try:
        body = msgspec.json.decode(decoded_text(request.body) or "{}")
    except (msgspec.DecodeError, UnreadableText, RecursionError) as problem:
        raise ChangeRefused(f"the body is not JSON: {problem}") from problem
    if not isinstance(body, dict):
        raise ChangeRefused("the body is not a JSON object")
    if unknown := [name for name in body if name not in allowed]:
        raise ChangeRefused(f"unknown field; known are {', '.join(allowed)}", str(unknown[0])[:60])
    return body


def text_of(body: dict[str, Any], name: str, *, longest: int = 300, required: bool = False) -> str:
    """A text of the body without blanks around it; raises ChangeRefused."""
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise ChangeRefused("expected a text", name)
    text = value.strip()
    if required and not text:
        raise ChangeRefused("it is missing", name, "VALIDATION_MISSING_FIELDS")
    if len(text) > longest or any(not character.isprintable() for character in text):
        raise ChangeRefused(f"at most {longest} printable characters", name)
    return text


def owner_of(body: dict[str, Any], user: User, name: str = "owner") -> User | None:
    """The owner that the body names, else the caller; staff may name any user, or none by null."""
    if name not in body:
        return user
    if not user.is_staff and body[name] != user.get_username():
        raise ChangeRefused(
            "only staff may name another owner", name, "AUTH_INSUFFICIENT_PERMISSIONS"
        )
    if body[name] is None:
        return None
    owner = (
        User.objects.filter(username=body[name], is_active=True).first()
        if isinstance(body[name], str)
        else None
    )
    if owner is None:
        raise ChangeRefused("there is no such user", name)
    return owner


def upstream_of(request: HttpRequest) -> Upstream:
    """`?upstream=NAME`, else the only one, else the environment's; raises ChangeRefused."""
    if not heeds_environment(Upstream.objects.all()):
        ensure_environment_upstream()
    upstream = named_upstream(request.GET.get("upstream", ""))
    token = token_of(request)
    if token and not token.reaches(upstream):
        raise ChangeRefused(
            "the token does not reach this upstream", "upstream", "AUTH_INSUFFICIENT_PERMISSIONS"
        )
    return upstream


def named_upstream(name: str) -> Upstream:
    """The upstream of that name; without one the only one, else the environment's. Raises
    ChangeRefused."""
    known = {upstream.name: upstream for upstream in Upstream.objects.all()}
    if not known:
        raise ChangeRefused("no upstream is configured", "", "CONFIG_ERROR")
    if name:
        if name not in known:
            raise ChangeRefused(
                f"no upstream is named {name[:60]!r}", "upstream", "RESOURCE_NOT_FOUND"
            )
        return known[name]
    chosen = (
        list(known.values())
        if len(known) == 1
        else [upstream for upstream in known.values() if upstream.from_environment]
    )
    if not chosen:
        raise ChangeRefused(
            f"say which; known are {', '.join(known)}", "upstream", "VALIDATION_MISSING_FIELDS"
        )
    return chosen[0]


def caller(request: HttpRequest) -> User:
    """The signed-in user."""
    return user_of(request)


def outcome(
    intent: Intent, data: dict[str, Any] | None = None, *, status: int = 200
) -> JsonResponse:
    """The response to a change: its data once verified, 202 while it is not certain, else the
    reason."""
    if intent.state == Intent.State.VERIFIED:
        return JsonResponse(
            {"success": True, "data": {**(data or {}), "change": intent_summary(intent)}},
            status=status,
        )
    if not intent.is_settled:
        return JsonResponse(
            {"success": False, "data": {**(data or {}), "change": intent_summary(intent)}},
            status=202,
        )
    code = intent.error_code or "UPSTREAM_ERROR"
    message = _sentence(intent.error_field, intent.error)
    return error(
        STATUS_OF_CODE.get(code, 400 if intent.error_code else 502),
        code,
        message,
        change=intent.pk,
        **_fields(intent.error_field, intent.error),
    )


def intent_summary(intent: Intent) -> dict[str, Any]:
    """An intent as the API shows it."""
    return {
        "id": intent.pk,
        "title": intent.title,
        "state": intent.state,
        "ahead": ahead_of(intent) if intent.is_waiting else 0,
        "actor": intent.actor_name,
        "reason": intent.reason,
        "before": intent.before,
        "after": intent.after,
        "error": intent.error or None,
        "upstream": intent.upstream.name,
        "requestedAt": intent.requested_at,
        "settledAt": intent.settled_at,
    }
