"""The pages that can be saved: their forms, which decide what a saved query may contain, and where
a saved view leads."""

from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from usage.history.dimensions import InvalidQuery
from usage.history.scope import Scope
from usage.models import SavedView
from usage.web.comparison.forms import ComparisonForm
from usage.web.forms import EventListForm, FailuresForm, HistoryForm, UsageForm
from usage.web.matrix.forms import MatrixForm
from usage.web.saved.menu import URL_NAMES
from usage.web.speed.forms import SpeedForm

FORMS: dict[str, type[HistoryForm]] = {
    SavedView.Page.USAGE: UsageForm,
    SavedView.Page.SPEED: SpeedForm,
    SavedView.Page.MATRIX: MatrixForm,
    SavedView.Page.COMPARE: ComparisonForm,
    SavedView.Page.EVENTS: EventListForm,
    SavedView.Page.FAILURES: FailuresForm,
}
# The place in a list belongs to the moment.
_NOT_SAVED = ("cursor", "limit", "request_id")


def accepted_query(page: str, query: str, scope: Scope) -> str:
    """Of a query what its page knows. Raises InvalidQuery where the page would refuse it."""
    given = QueryDict(query, mutable=True)
    for name in _NOT_SAVED:
        given.pop(name, None)
    form = FORMS[page](given, scope=scope)
    if not form.is_valid():
        raise InvalidQuery({name: str(texts[0]) for name, texts in form.errors.items()})
    return urlencode(
        [
            (name, value)
            for name, values in given.lists()
            if name in form.fields
            for value in values
            if value
        ]
    )


def address_of(page: str, query: str) -> str:
    """Where a page with a query is."""
    address = reverse(URL_NAMES[SavedView.Page(page)])
    return f"{address}?{query}" if query else address
