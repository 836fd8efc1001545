"""What may be requested of the Logs page: its filters, and one log to read."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LEVELS = (
    ("", _("All levels")),
    ("info", _("Info and above")),
    ("warn", _("Warnings and errors")),
    ("error", _("Errors")),
)
REQUEST_ID = r"^[A-Za-z0-9]{1,32}$"
LOG_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$"


class LogsForm(forms.Form):
    """The filters, which the browser applies. `after` is an instant in seconds: with a request id,
    lines are searched from there on."""

    level = forms.ChoiceField(label=_("Level"), choices=LEVELS, required=False)
    q = forms.CharField(label=_("Text"), max_length=200, required=False)
    request_id = forms.RegexField(REQUEST_ID, label=_("Request ID"), max_length=32, required=False)
    management = forms.BooleanField(label=_("Management calls"), required=False)
    only_lines = forms.BooleanField(label=_("Lines only"), required=False)
    after = forms.IntegerField(
        min_value=0, max_value=2**40, required=False, widget=forms.HiddenInput
    )


class MarksForm(forms.Form):
    """Since when, in seconds since 1970; cleaned to an instant of the last month."""

    since = forms.IntegerField(min_value=0, max_value=2**40)

    def clean_since(self) -> datetime:
        """Raises nothing: what is long ago is cut off."""
        now = timezone.now()
        earliest = now - timedelta(days=30)
        seconds = min(self.cleaned_data["since"], int(now.timestamp()))
        return max(datetime.fromtimestamp(seconds, UTC), earliest)


class LogForm(forms.Form):
    """One log: by its name, or by the request that it is of."""

    name = forms.RegexField(LOG_NAME, max_length=200, required=False)
    request_id = forms.RegexField(REQUEST_ID, max_length=32, required=False)

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError unless it is exactly one of both."""
        given = self.cleaned_data
        if not self.errors and bool(given["name"]) == bool(given["request_id"]):
            raise ValidationError(gettext("Name a log or a request, not both."))
        return given

    @property
    def path(self) -> str:
        """Below the upstream's address in the management proxy."""
        name = self.cleaned_data["name"]
        if name:
            return f"request-error-logs/{name}"
        return f"request-log-by-id/{self.cleaned_data['request_id']}"
