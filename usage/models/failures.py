"""Why an attempt failed: a closed list of classes, in groups.

The groups are the classes of earlier versions. Those that were divided are no class of a new event
any more; events stored before keep them, and runs of the collector, of which less is known, have no
finer ones. A filter by a group accepts all of its classes.
"""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _


class FailureClass(models.TextChoices):
    """The same words in column, metric label, log field and page."""

    NONE = "", _("succeeded")
    COOLDOWN = "cooldown", _("cooldown")
    RATE_LIMITED = "rate_limited", _("rate limited")
    QUOTA = "quota", _("quota exhausted")
    PLAN_LIMIT = "plan_limit", _("plan limit reached")
    NO_CREDIT = "no_credit", _("no credit left")
    UNSUPPORTED_MODEL = "unsupported_model", _("unsupported model")
    BAD_REQUEST = "bad_request", _("bad request")
    CONTEXT_TOO_LONG = "context_too_long", _("context too long")
    CONTENT_POLICY = "content_policy", _("content policy")
    INVALID_REQUEST = "invalid_request", _("invalid request")
    AUTH = "auth", _("authentication")
    EXPIRED_TOKEN = "expired_token", _("expired token")
    WRONG_KEY = "wrong_key", _("wrong key")
    MISSING_SCOPE = "missing_scope", _("missing scope")
    REGION = "region", _("region not supported")
    BANNED = "banned", _("account blocked")
    FORBIDDEN = "forbidden", _("forbidden")
    CANCELLED = "cancelled", _("cancelled by client")
    TIMEOUT = "timeout", _("timeout")
    TIMEOUT_FIRST_BYTE = "timeout_first_byte", _("timeout before the first byte")
    TIMEOUT_MIDWAY = "timeout_midway", _("timeout after the first byte")
    CONNECTION = "connection", _("connection")
    UPSTREAM_ERROR = "upstream_error", _("provider error")
    OVERLOADED = "overloaded", _("provider overloaded")
    PROVIDER_FAULT = "provider_fault", _("provider fault")
    INVALID_RESPONSE = "invalid_response", _("invalid response")
    INTERNAL = "internal", _("internal")
    UPSTREAM_FAULT = "upstream_fault", _("upstream fault")
    UNCLEAR = "unclear", _("unclear")


DIVIDED = {
    FailureClass.QUOTA: (FailureClass.PLAN_LIMIT, FailureClass.NO_CREDIT),
    FailureClass.BAD_REQUEST: (
        FailureClass.CONTEXT_TOO_LONG,
        FailureClass.CONTENT_POLICY,
        FailureClass.INVALID_REQUEST,
    ),
    FailureClass.AUTH: (
        FailureClass.EXPIRED_TOKEN,
        FailureClass.WRONG_KEY,
        FailureClass.MISSING_SCOPE,
        FailureClass.REGION,
        FailureClass.BANNED,
        FailureClass.FORBIDDEN,
    ),
    FailureClass.TIMEOUT: (FailureClass.TIMEOUT_FIRST_BYTE, FailureClass.TIMEOUT_MIDWAY),
    FailureClass.UPSTREAM_ERROR: (FailureClass.OVERLOADED, FailureClass.PROVIDER_FAULT),
    FailureClass.INTERNAL: (FailureClass.UPSTREAM_FAULT, FailureClass.UNCLEAR),
}
_GROUPS = {finer: group for group, classes in DIVIDED.items() for finer in classes}


def group_of(failure_class: str) -> FailureClass:
    """The group of a class; a class that was not divided is its own."""
    return _GROUPS.get(FailureClass(failure_class), FailureClass(failure_class))


def with_members(classes: Iterable[str]) -> list[str]:
    """Some classes with all those that belong to the groups among them."""
    return sorted(
        {
            member.value
            for name in classes
            for member in (FailureClass(name), *DIVIDED.get(FailureClass(name), ()))
        }
    )
