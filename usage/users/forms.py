"""Forms of users: the list's filter, invitations, roles and handing over."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext_lazy as _

from usage.users.handover import Handover
from usage.users.queries import SORTS, State
from usage.users.roles import Role, role_of, roles_given_by

LONGEST_NAME = 150


class ListForm(forms.Form):
    """`?q=&state=&sort=`; what is unknown is left out."""

    q = forms.CharField(required=False, max_length=LONGEST_NAME)
    state = forms.ChoiceField(required=False, choices=[("", ""), *((s, s) for s in State)])
    sort = forms.ChoiceField(required=False, choices=[("", ""), *((name, name) for name in SORTS)])

    def chosen(self) -> dict[str, str]:
        """Text, state and order, for `user_rows`."""
        self.is_valid()
        given = {name: self.cleaned_data.get(name) or "" for name in ("q", "state", "sort")}
        return {"text": given["q"], "state": given["state"], "sort": given["sort"] or "name"}


class InviteForm(forms.Form):
    """Name and role of a new user."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("To sign in with: letters, digits and @ . + - _"),
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.TypedChoiceField(label=_("Role"), coerce=Role)

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(r.value, r.label) for r in roles_given_by(by)]  # type: ignore[attr-defined]


class RoleForm(forms.Form):
    """Another role."""

    role = forms.TypedChoiceField(label=_("Role"), coerce=Role, choices=Role.choices)

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, initial={"role": role_of(user)})


class HandoverForm(forms.Form):
    """Who gets what the user owns, and what becomes of client keys and of the user."""

    to = forms.ModelChoiceField(
        User.objects.none(),
        label=_("New owner"),
        required=False,
        empty_label=_("no user; staff keep it"),
    )
    client_keys = forms.ChoiceField(
        label=_("Client keys"),
        choices=(
            ("revoke", _("revoke: the upstream refuses them from now on")),
            ("transfer", _("transfer: they keep working, also for those who know them")),
        ),
        initial="revoke",
        widget=forms.RadioSelect,
    )
    disables = forms.BooleanField(label=_("Disable the user as well"), required=False, initial=True)
    shown = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("username")
        self.fields["to"].queryset = others  # type: ignore[attr-defined]

    def handover(self) -> Handover:
        """What a valid form wants."""
        data = self.cleaned_data
        revokes = data["client_keys"] == "revoke"
        return Handover(data["to"], revokes, data["disables"], data["shown"])
