"""What the sides of a comparison are called, and where they lead."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext

from usage.history.dimensions import Dimension, Filters, Value
from usage.history.labels import group_value, label_for_people, labels_within
from usage.history.scope import Scope
from usage.history.windows import Window
from usage.web.comparison.forms import ComparisonForm
from usage.web.links import Links, Pairs, moved


@dataclass(frozen=True, slots=True)
class Heading:
    """What a side is called, its days, its Usage page and its events."""

    label: str
    window: Window
    page: str
    events: str


def headings_of(form: ComparisonForm, parameters: Pairs) -> list[Heading]:
    """Those of a valid and complete form; `parameters` are the time and filters of the page."""
    window, dimension = form.window(), form.dimension
    if dimension is None:
        before = window.previous
        return [
            _heading(gettext("This range"), window, parameters),
            _heading(gettext("Previous period"), before, moved(parameters, before)),
        ]
    filters = form.filters
    other = form.other_filters(filters)
    beside = [pair for pair in parameters if pair[0] != dimension.value]
    return [
        _heading(_label(form.scope, dimension, filters), window, parameters),
        _heading(
            _label(form.scope, dimension, other),
            window,
            [*beside, *(pair for pair in other.query if pair[0] == dimension.value)],
        ),
    ]


def _heading(label: str, window: Window, parameters: Pairs) -> Heading:
    links = Links(parameters, window.zone, reverse("usage:page"))
    return Heading(label, window, links.narrowed([]), links.events([]))


def _label(scope: Scope, dimension: Dimension, filters: Filters) -> str:
    accepted = filters.values.get(dimension)
    return ", ".join(_names(scope, dimension, accepted)) if accepted else gettext("All")


def _names(scope: Scope, dimension: Dimension, values: Iterable[Value]) -> list[str]:
    texts = ["" if value is None else str(value) for value in values]
    known = labels_within(scope, dimension, texts)
    return [
        label_for_people(dimension, group_value(dimension, text), known[text]) for text in texts
    ]
