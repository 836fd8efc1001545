"""Acts that Django signals: signing in and out, and whatever is added, changed or deleted in the
admin."""

import json
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save

from monitoring.audit import trail
from monitoring.refusal_counts import MOST_A_MINUTE, count_refusal
from monitoring.request_context import current_request

_VERBS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}


def connect() -> None:
    """Listen from now on."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="audit")
    post_save.connect(_changed_in_admin, sender=LogEntry, dispatch_uid="audit")


def _signed_in(sender: Any, user: User, **kwargs: Any) -> None:
    if current_request().request_id:  # not when a test signs a user in
        trail.record(user, "user.signed_in", user.get_username(), outcome=trail.Outcome.SUCCEEDED)


def _signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user and current_request().request_id:
        trail.record(user, "user.signed_out", user.get_username(), outcome=trail.Outcome.SUCCEEDED)


def _sign_in_failed(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    if count_refusal(f"sign-in {current_request().source_ip}") > MOST_A_MINUTE:
        return
    trail.record(
        None,
        "user.sign_in_failed",
        name_for_trail(str(credentials.get("username", ""))),
        outcome=trail.Outcome.REFUSED,
    )


def name_for_trail(name: str) -> str:
    """The name of an attempt to sign in; one of no user may be a password in the wrong field."""
    known = User.objects.filter(username=name[:150].replace("\x00", "")).exists()
    return name[:150] if known else "an unknown name"


def _changed_in_admin(sender: Any, instance: LogEntry, created: bool, **kwargs: Any) -> None:
    if not created or instance.action_flag not in _VERBS or instance.content_type is None:
        return
    action = f"admin.{instance.content_type.model}.{_VERBS[instance.action_flag]}"
    trail.record(
        instance.user,
        action,
        instance.object_repr,
        outcome=trail.Outcome.SUCCEEDED,
        detail={"change": _change(instance)},
    )


def _change(entry: LogEntry) -> Any:
    """Names of the fields that were changed, never their values; a sentence of ours as it is."""
    try:
        return json.loads(entry.change_message or "[]")
    except ValueError:
        return entry.change_message
