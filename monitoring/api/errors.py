"""The one form of every error that a JSON address itself responds with.

    {"error": {"code", "message", "requestId", "details"?}}

`code` is a word for programs, `message` a sentence for people, `requestId` the id under which the
log and the audit trail know the request. `details` holds what a caller may act on, for instance
`fields`, an object of names and what is wrong with each.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import JsonResponse

from monitoring.request_context import current_request

# Status, code and message of the errors that every address has.
NOT_SIGNED_IN = (401, "AUTH_UNAUTHORIZED", "Sign in first, or send a personal token.")
CSRF_TOKEN_MISSING = (
    403,
    "AUTH_FAILED",
    "The CSRF token is missing or wrong; send it as X-CSRFToken.",
)


def error(
    status: int,
    code: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    **details: Any,
) -> JsonResponse:
    """A response with that status; `details` are left out where there are none."""
    body: dict[str, Any] = {
        "code": code,
        "message": message,
        "requestId": current_request().request_id,
    }
    if details:
        body["details"] = details
    return JsonResponse({"error": body}, status=status, headers=headers)


def method_not_allowed(allowed: Iterable[str]) -> JsonResponse:
    """405 naming the methods that the address takes."""
    methods = ", ".join(allowed)
    message = f"This address takes only {methods}."
    return error(405, "METHOD_NOT_ALLOWED", message, headers={"Allow": methods})
