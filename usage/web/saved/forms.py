"""Saving a view, and renaming one."""

from typing import Any

from django import forms

from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.models import SavedView
from usage.models.saved_views import LONGEST_NAME, LONGEST_QUERY
from usage.web.saved.pages import accepted_query


class NameForm(forms.Form):
    """The name of a view."""

    name = forms.CharField(max_length=LONGEST_NAME)


class SaveForm(NameForm):
    """A page with its query under a name, own or shared."""

    page = forms.ChoiceField(choices=SavedView.Page.choices)
    query = forms.CharField(max_length=LONGEST_QUERY, required=False)
    is_shared = forms.BooleanField(required=False)

    def __init__(self, data: Any = None, *, scope: Scope) -> None:
        super().__init__(data)
        self._scope = scope

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "page" in cleaned and "query" in cleaned:
            try:
                cleaned["query"] = accepted_query(cleaned["page"], cleaned["query"], self._scope)
            except InvalidQuery as wrong:
                self.add_error("query", str(wrong))
        return cleaned
