"""Signing in, with the throttle on guessing: the same for the pages and for the administration."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext

from config.sign_in.throttle import begin_attempt, forget_attempts
from monitoring.audit import trail
from monitoring.audit.signals import name_for_trail
from monitoring.refusal_counts import MOST_A_MINUTE, count_refusal
from monitoring.request_context import current_request


class ThrottledForm(AuthenticationForm):
    """`wait_seconds` is how long no attempt is allowed; 0 if the attempt was made."""

    wait_seconds = 0

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password:
            return super().clean()
        address = current_request().source_ip
        if seconds := begin_attempt(name, address):
            self.wait_seconds = int(seconds) + 1
            _record(name, address, self.wait_seconds)
            wait = _in_words(self.wait_seconds)
            raise ValidationError(
                gettext("Too many attempts to sign in failed. Wait %(wait)s, then try again.")
                % {"wait": wait},
                code="throttled",
            )
        cleaned: dict[str, Any] = super().clean()
        forget_attempts(name, address)
        return cleaned


class ThrottledAdminForm(ThrottledForm, AdminAuthenticationForm):
    """That of the administration, which lets staff in alone."""


def _record(name: str, address: str, seconds: int) -> None:
    if count_refusal(f"sign-in {address}") <= MOST_A_MINUTE:
        trail.record(
            None,
            "user.sign_in_braked",
            name_for_trail(name),
            outcome=trail.Outcome.REFUSED,
            detail={"wait_seconds": seconds},
        )


def _in_words(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    parts = [
        text % {"count": count}
        for count, text in (
            (minutes, ngettext("%(count)s minute", "%(count)s minutes", minutes)),
            (rest, ngettext("%(count)s second", "%(count)s seconds", rest)),
        )
        if count
    ]
    return " ".join(parts)
