"""What may be chosen on the Compare page."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext

from usage.forms.comparison import COMPARED, PREVIOUS, ComparedFields
from usage.history.dimensions import Dimension
from usage.history.summaries import SummaryQuery
from usage.reports.comparison import Selection
from usage.web.filter_bar import Menu
from usage.web.report_pages import Choice, ReportForm, bucket_choice


class ComparisonForm(ComparedFields, ReportForm):
    """The filter bar, which is one side, and what it is compared with."""

    def choices(self, menus: Sequence[Menu]) -> list[Choice]:
        by_name = {menu.name: menu for menu in menus}
        chosen = self.cleaned_data["against"]
        names = [d.value for d in COMPARED if d.value in by_name or d.value == chosen]
        options = [(name, Dimension(name).label) for name in names]
        previous = (PREVIOUS, gettext("the previous period"))
        against = Choice("against", gettext("Compare with"), [previous, *options], chosen)
        values = self._values(by_name.get(chosen))
        return [against, *values, bucket_choice(self)]

    def _values(self, menu: Menu | None) -> list[Choice]:
        """The values of both sides; that of the first one is a filter like any other."""
        if menu is None or self.dimension is None:
            return []
        filters = [value for name, value in self.filters.query if name == menu.name]
        one = Choice(menu.name, menu.label, [("", gettext("All")), *menu.choices], "".join(filters))
        other = Choice(
            "other", gettext("with"), [("", "–"), *menu.choices], self.data.get("other", "")
        )
        # Several values are shown by the chips, and kept.
        return [other] if len(filters) > 1 else [one, other]

    def selections(self, now: datetime) -> list[Selection]:
        """Both sides of a valid and complete form."""
        window, bucket = self.window(), self.cleaned_data["bucket"]
        one = SummaryQuery(window.period, self.scope, self.filters, bucket)
        if self.dimension is None:
            before = SummaryQuery(window.previous.period, self.scope, self.filters, bucket)
            return [Selection(one, window.period), Selection(before, window.before(now))]
        other = SummaryQuery(window.period, self.scope, self.other_filters(self.filters), bucket)
        return [Selection(one, window.period), Selection(other, window.period)]
