"""What may be requested of the Overview: a window of days."""

from usage.history.dimensions import Filters
from usage.history.windows import fitting_bucket
from usage.web.forms import HistoryForm
from usage.web.page_queries import PageQuery


class OverviewForm(HistoryForm):
    """The window; filters belong to the pages that the Overview leads to, and are left alone."""

    def page_query(self) -> PageQuery:
        """The query of a valid form."""
        window = self.window()
        return PageQuery(window, self.scope, Filters(), fitting_bucket(window.period), ())
