"""What a person chooses for a new personal token."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from management_proxy.models import PersonalToken, Upstream

LIFETIMES = (
    ("30", _("30 days")),
    ("90", _("90 days")),
    ("365", _("1 year")),
    ("", _("no end")),
)


class TokenForm(forms.Form):
    """Name, scope, upstreams and end of a token."""

    name = forms.CharField(
        max_length=60,
        help_text=_("What it is for, e.g. “nightly report”."),
        validators=[RegexValidator(r"^[^\x00-\x1f\x7f]+$", _("Use printable characters."))],
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("nightly report")}),
    )
    scope = forms.ChoiceField(choices=PersonalToken.Scope.choices, initial=PersonalToken.Scope.READ)
    lifetime = forms.ChoiceField(
        label=_("Ends after"), choices=LIFETIMES, initial="90", required=False
    )
    upstreams = forms.ModelMultipleChoiceField(
        label=_("Only these upstreams"),
        help_text=_("None chosen: any, now and later."),
        queryset=Upstream.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["upstreams"].queryset = Upstream.objects.all()  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        """The instant of its end, of a valid form."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None

    def chosen_upstreams(self) -> list[Upstream] | None:
        """The upstreams it is limited to, of a valid form; None if none was chosen, which means
        any."""
        return list(self.cleaned_data["upstreams"]) or None
