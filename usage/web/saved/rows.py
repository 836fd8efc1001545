"""Saved views in words: their time and filters as the reader may see them, and what of these no
longer exists."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext

from usage.history.dimensions import Dimension, Filters
from usage.history.labels import group_value, label_for_people, labels_within
from usage.history.scope import Scope
from usage.models import SavedView
from usage.saved_views.queries import (
    Missing,
    filters_of,
    may_change,
    missing_from,
    start_view,
    visible_to,
)
from usage.web.forms import RANGES


@dataclass(frozen=True, slots=True)
class Row:
    """A view in the list: its time and filters in words, and what the reader may do with it."""

    view: SavedView
    words: Sequence[str]
    missing: Sequence[str]
    may_change: bool
    is_start: bool


def rows_for(user: User) -> list[Row]:
    """The views that a user sees."""
    views, scope, start = list(visible_to(user)), Scope.of(user), start_view(user)
    missing, names = missing_from(views, scope), _names(views, scope)
    return [
        Row(
            view,
            [_time(view), *_filters(filters_of(view), names)],
            missing_words(missing[view.pk]),
            may_change(view, user),
            view == start,
        )
        for view in views
    ]


def missing_words(missing: Sequence[Missing]) -> list[str]:
    """What no longer exists, such as “Client key 17”."""
    return [f"{one.dimension.label} {one.value}" for one in missing]


def _time(view: SavedView) -> str:
    query = QueryDict(view.query)
    first, last = query.get("from", ""), query.get("to", "")
    if first or last:
        return f"{first} – {last}"
    return str(dict(RANGES).get(query.get("range") or "7d", ""))


def _names(views: Sequence[SavedView], scope: Scope) -> dict[Dimension, dict[str, str]]:
    """The labels of all values that views filter by."""
    texts: dict[Dimension, set[str]] = {}
    for view in views:
        for dimension, values in filters_of(view).values.items():
            texts.setdefault(dimension, set()).update(str(value or "") for value in values)
    return {
        dimension: labels_within(scope, dimension, values) for dimension, values in texts.items()
    }


def _filters(filters: Filters, names: dict[Dimension, dict[str, str]]) -> list[str]:
    return [
        gettext("%(dimension)s: %(values)s")
        % {
            "dimension": dimension.label,
            "values": ", ".join(
                label_for_people(dimension, group_value(dimension, text), names[dimension][text])
                for text in (str(value or "") for value in values)
            ),
        }
        for dimension, values in filters.values.items()
    ]
