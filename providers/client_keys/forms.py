"""Forms of client keys."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from monitoring.web.inputs import DayInput
from providers.client_keys.actions import Terms
from providers.errors import ChangeRefused
from providers.models import ClientKey
from providers.web.forms import note_field

_NAMES = {"expires_at": "ends_on"}
OVERLAPS = (
    (0, _("at once")),
    (1, _("after 1 hour")),
    (24, _("after 1 day")),
    (168, _("after 7 days")),
    (720, _("after 30 days")),
)


class ClientKeyForm(forms.Form):
    """Name, owner and terms of a client key."""

    name = forms.CharField(
        max_length=100,
        help_text=_("Who or what uses it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    owner = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        empty_label=_("no owner"),
        help_text=_("Sees its usage."),
    )
    note = note_field()
    ends_on = forms.DateField(
        label=_("Ends after"),
        required=False,
        widget=DayInput(),
        help_text=_("The last day on which it works."),
    )
    monthly_requests = forms.IntegerField(
        label=_("Requests a month"), required=False, min_value=1, max_value=2**62
    )
    monthly_tokens = forms.IntegerField(
        label=_("Tokens a month"), required=False, min_value=1, max_value=2**62
    )
    removes_at_limit = forms.BooleanField(
        label=_("Remove it at its limit"),
        required=False,
        help_text=_("Otherwise a limit only warns."),
    )

    def __init__(self, *args: Any, is_staff: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = User.objects.filter(is_active=True).order_by("username")  # type: ignore[attr-defined]
        if not is_staff:
            del self.fields["owner"]

    def terms(self) -> Terms:
        """The terms of a valid form."""
        data = self.cleaned_data
        return Terms(
            _end_of(data["ends_on"]),
            data["monthly_requests"],
            data["monthly_tokens"],
            data["removes_at_limit"],
        )

    def refuse(self, refusal: ChangeRefused) -> None:
        """Show a refusal at the field that it names."""
        name = _NAMES.get(refusal.field, refusal.field)
        self.add_error(name if name in self.fields else None, refusal.message)


def _end_of(day: Any) -> datetime | None:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time())) if day else None


def shown_terms(key: ClientKey) -> dict[str, Any]:
    """A key's terms as the form shows them."""
    last_day = (
        timezone.localtime(key.expires_at - timedelta(microseconds=1)).date()
        if key.expires_at
        else None
    )
    return {
        "name": key.name,
        "owner": key.owner_id,
        "note": key.note,
        "ends_on": last_day,
        "monthly_requests": key.monthly_requests,
        "monthly_tokens": key.monthly_tokens,
        "removes_at_limit": key.removes_at_limit,
    }


class RotateForm(forms.Form):
    """How long the old key works beside the new one."""

    overlap = forms.TypedChoiceField(
        label=_("The old one ends"), choices=OVERLAPS, coerce=int, initial=24
    )
