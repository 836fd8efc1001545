"""What usage may be compared with: the time before, or another value of a dimension."""

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from usage.forms.queries import QueryForm
from usage.history.dimensions import Dimension, Filters, Value
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery

PREVIOUS = "previous"
# Outcomes and failure classes are parts of what is compared, shown with it.
COMPARED = tuple(d for d in Dimension if d not in (Dimension.OUTCOME, Dimension.FAILURE_CLASS))


class ComparedFields(forms.Form):
    """`against` is `previous`, the default, or a dimension; then `other` is its value."""

    scope: Scope
    against = forms.CharField(required=False)
    other = forms.CharField(required=False)

    def clean_against(self) -> str:
        text: str = self.cleaned_data["against"] or PREVIOUS
        names = [PREVIOUS, *(d.value for d in COMPARED if not self._is_hidden(d))]
        if text not in names:
            raise ValidationError(
                gettext("expected one of %(names)s, got %(text)s")
                % {"names": ", ".join(names), "text": f"{text[:40]!r}"}
            )
        return text

    def clean_other(self) -> Value:
        against, text = self.cleaned_data.get("against", PREVIOUS), self.cleaned_data["other"]
        if against == PREVIOUS or not text:
            return None
        try:
            return Dimension(against).parse(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    @property
    def dimension(self) -> Dimension | None:
        """The dimension of a valid form; None where it compares with the time before."""
        against = self.cleaned_data["against"]
        return None if against == PREVIOUS else Dimension(against)

    @property
    def is_complete(self) -> bool:
        """Whether a valid form names all that is needed: of a dimension also its value."""
        return self.dimension is None or bool(self.data.get("other"))

    def other_filters(self, filters: Filters) -> Filters:
        """The filters of the other side of a complete form: the same but for that value."""
        if self.dimension is None:
            return filters
        return Filters({**filters.values, self.dimension: (self.cleaned_data["other"],)})

    def _is_hidden(self, dimension: Dimension) -> bool:
        return dimension.is_for_staff and not self.scope.sees_everything


class ComparisonQueryForm(ComparedFields, QueryForm):
    """A query as of a summary, and what it is compared with."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and not self.is_complete:
            self.add_error("other", gettext("expected a value to compare with, got nothing"))
        return cleaned

    def queries(self) -> tuple[SummaryQuery, SummaryQuery]:
        """Both sides of a valid form."""
        one = self.query()
        if self.dimension is None:
            return one, replace(one, period=one.period.previous)
        return one, replace(one, filters=self.other_filters(one.filters))
