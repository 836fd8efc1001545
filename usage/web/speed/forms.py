"""What may be chosen on the Speed page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext

from usage.history.dimensions import Dimension
from usage.history.histograms.tally import PERCENTILES
from usage.history.summaries import SummaryQuery
from usage.web.filter_bar import Menu
from usage.web.forms import DIMENSIONS
from usage.web.report_pages import Choice, ReportForm, bucket_choice, dimension_options

# Lines that can still be told apart.
COURSES_SHOWN = 5
_PERCENTILES = [(str(percent), f"p{percent}") for percent in PERCENTILES]


class SpeedForm(ReportForm):
    """The filter bar, by which dimension speed is split, and the percentile of these courses."""

    by = forms.ChoiceField(choices=DIMENSIONS, required=False)
    percentile = forms.ChoiceField(choices=_PERCENTILES, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.refuse_hidden("by")
        cleaned["by"] = cleaned.get("by") or Dimension.PROVIDER.value
        cleaned["percentile"] = cleaned.get("percentile") or "95"
        return cleaned

    def choices(self, menus: Sequence[Menu]) -> list[Choice]:
        by, percentile = self.cleaned_data["by"], self.cleaned_data["percentile"]
        return [
            Choice("by", gettext("By"), dimension_options(self.scope, Dimension), by),
            Choice("percentile", gettext("Percentile"), _PERCENTILES, percentile),
            bucket_choice(self),
        ]

    def percentile_shown(self) -> str:
        """The percentile of a valid form, such as p95."""
        return f"p{self.cleaned_data['percentile']}"

    def query(self) -> SummaryQuery:
        """The query of a valid form."""
        return SummaryQuery(
            self.window().period,
            self.scope,
            self.filters,
            self.cleaned_data["bucket"],
            (Dimension(self.cleaned_data["by"]),),
            top=COURSES_SHOWN,
        )
