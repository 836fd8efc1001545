"""What may be chosen on the Matrix page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage.history.dimensions import Dimension
from usage.history.summaries import SummaryQuery
from usage.web.filter_bar import Menu
from usage.web.report_pages import Choice, ReportForm, dimension_options

ROWS_SHOWN, COLUMNS_SHOWN = 25, 11
# Why attempts failed is crossed on the Failures page.
CROSSED = [d for d in Dimension if d is not Dimension.FAILURE_CLASS]
# What cells can show: the name in the address, the measure, and what people call it.
CELLS = (
    ("requests", "requests", _("Requests")),
    ("tokens", "total_tokens", _("Tokens")),
    ("cost", "cost_nano_usd", _("Cost")),
    ("failures", "failed", _("Failures")),
)
_MEASURES = {name: measure for name, measure, _label in CELLS}


class MatrixForm(ReportForm):
    """The filter bar, the dimensions of rows and columns, and what the cells show."""

    rows = forms.ChoiceField(choices=[(d.value, d.value) for d in CROSSED], required=False)
    columns = forms.ChoiceField(choices=[(d.value, d.value) for d in CROSSED], required=False)
    cells = forms.ChoiceField(choices=[(name, name) for name in _MEASURES], required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.refuse_hidden("rows", "columns")
        rows, columns = cleaned.get("rows"), cleaned.get("columns")
        cleaned["rows"] = rows = rows or _other_than(columns, Dimension.KEY, Dimension.MODEL)
        cleaned["columns"] = columns or _other_than(rows, Dimension.MODEL, Dimension.KEY)
        cleaned["cells"] = cleaned.get("cells") or "requests"
        if cleaned["rows"] == cleaned["columns"]:
            self.add_error(
                "columns",
                gettext("expected another dimension than that of the rows, got %(value)s")
                % {"value": f"{cleaned['columns']!r}"},
            )
        return cleaned

    def choices(self, menus: Sequence[Menu]) -> list[Choice]:
        cleaned, dimensions = self.cleaned_data, dimension_options(self.scope, CROSSED)
        cells = [(name, str(label)) for name, _measure, label in CELLS]
        return [
            Choice("rows", gettext("Rows"), dimensions, cleaned["rows"]),
            Choice("columns", gettext("Columns"), dimensions, cleaned["columns"]),
            Choice("cells", gettext("Cells"), cells, cleaned["cells"]),
        ]

    def query(self) -> SummaryQuery:
        """The query of a valid form."""
        cleaned = self.cleaned_data
        return SummaryQuery(
            self.window().period,
            self.scope,
            self.filters,
            groups=(Dimension(cleaned["rows"]), Dimension(cleaned["columns"])),
            top=ROWS_SHOWN,
            order=_MEASURES[cleaned["cells"]],
        )


def _other_than(taken: str | None, first: Dimension, second: Dimension) -> str:
    return second.value if taken == first.value else first.value
