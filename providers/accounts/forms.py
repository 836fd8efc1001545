"""Forms of the accounts' pages."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from providers.accounts.actions import HEAVIEST, LONGEST_NOTE
from providers.accounts.auth_files import Health


class AccountFilterForm(forms.Form):
    """`?provider=&health=&owner=&q=`; anything unknown simply fits nothing."""

    provider = forms.CharField(required=False, max_length=60)
    health = forms.ChoiceField(required=False, choices=[("", "any"), *Health.choices])
    owner = forms.CharField(required=False, max_length=150)
    q = forms.CharField(required=False, max_length=100)

    def chosen(self) -> dict[str, str]:
        """The filters, for `matching`; empty ones where the form is invalid."""
        self.is_valid()
        given = {
            name: self.cleaned_data.get(name) or "" for name in ("provider", "health", "owner")
        }
        return {**given, "text": self.cleaned_data.get("q") or ""}


class AccountForm(forms.Form):
    """Fields of an account that people set; an empty one clears."""

    note = forms.CharField(required=False, max_length=LONGEST_NOTE)
    priority = forms.IntegerField(
        required=False,
        min_value=-HEAVIEST,
        max_value=HEAVIEST,
        help_text=_("Higher ones are used first."),
        widget=forms.NumberInput(attrs={"placeholder": "0"}),
    )
    weight = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=HEAVIEST,
        help_text=_("Share of the requests with weighted routing; 0 takes none."),
        widget=forms.NumberInput(attrs={"placeholder": "1"}),
    )
    # Django takes fields off the class, so that its own `prefix` stays.
    prefix = forms.CharField(
        required=False, max_length=100, help_text=_("Clients request models as prefix/model.")
    )  # type: ignore[assignment]
    proxy_url = forms.CharField(
        label=_("Proxy"),
        required=False,
        max_length=LONGEST_NOTE,
        help_text=(
            _(
                "http, https or socks5 address, or “direct”. A user and password are not shown"
                " again."
            )
        ),
    )

    def __init__(self, data: Any = None, *, is_staff: bool, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if not is_staff:
            del self.fields["proxy_url"]

    def changes(self) -> dict[str, Any]:
        """Only what differs from what was shown, so that a field that another user set meanwhile
        stays theirs."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class UploadForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label=_("Account file"),
        help_text=_(".json with its tokens, at most 1 MiB"),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )
    twin_accepted = forms.BooleanField(
        label=_("Also if this account is connected already"), required=False
    )


class GrantForm(forms.Form):
    """Who owns an account."""

    owner = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label=_("no owner")
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["owner"].queryset = User.objects.filter(is_active=True).order_by("username")  # type: ignore[attr-defined]
