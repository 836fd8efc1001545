"""The filters that lists of keys share."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

LONGEST_NOTE = 500
# What an owner is called where there is none.
NO_OWNER = "-"


def note_field() -> forms.CharField:
    """A note about a key, which the upstream never sees."""
    return forms.CharField(
        label=_("Note"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ListFilterForm(forms.Form):
    """`?state=&owner=&q=`; anything unknown is left out."""

    state = forms.ChoiceField(required=False)
    owner = forms.CharField(required=False, max_length=150)
    q = forms.CharField(required=False, max_length=100)

    def __init__(self, data: Any, states: Iterable[tuple[str, Any]]) -> None:
        super().__init__(data)
        self.fields["state"].choices = list(states)  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, str]:
        """State, owner and text; empty ones where nothing is wanted."""
        self.is_valid()
        given = {name: self.cleaned_data.get(name) or "" for name in ("state", "owner")}
        return {**given, "text": (self.cleaned_data.get("q") or "").strip()}


def fits(chosen: dict[str, str], owner: Any, *texts: object) -> bool:
    """Whether owner and texts of a row are as chosen; no owner is `-`."""
    name, wanted = (owner.get_username() if owner else NO_OWNER), chosen["text"].lower()
    return chosen["owner"] in ("", name) and (
        not wanted or any(wanted in str(text).lower() for text in (*texts, owner or ""))
    )


def owner_names(owners: Iterable[Any]) -> list[str]:
    """The names of these owners, each once."""
    return sorted({owner.get_username() for owner in owners if owner})
