"""The filter bar of the usage pages: what may be chosen, what is chosen, and where leaving a filter
out leads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.text import capfirst
from django.utils.translation import gettext

from management_proxy.models import Upstream
from providers.models import ClientKey, Credential
from providers.models.keys import credential_name
from usage.history.dimensions import EMPTY, UNATTRIBUTED, Dimension
from usage.history.labels import NO_CREDENTIAL, NO_KEY
from usage.history.scope import Scope
from usage.models.failures import DIVIDED, FailureClass
from usage.web.forms import RANGES, HistoryForm
from usage.web.saved.menu import views_menu

MOST_CHOICES = 500
# Of the week, which lists of events alone know.
_HOUR = "hour"
_CUT = (
    "bucket",
    "by",
    "and_by",
    "measure",
    "as_model",
    "percentile",
    "rows",
    "columns",
    "cells",
    "against",
    "other",
    _HOUR,
)
# Beside filters and time; the pages of a list belong to the former query.
_LEFT_BEHIND = ("cursor",)
_OF_SERIES = (
    Dimension.MODEL,
    Dimension.ALIAS,
    Dimension.PROVIDER,
    Dimension.ENDPOINT,
    Dimension.AUTH_TYPE,
    Dimension.SERVICE_TIER,
    Dimension.REASONING_EFFORT,
)
_OWN_MODELS = """
    /* usage.web.filter_bar */
    SELECT DISTINCT s.model FROM usage_usagedailybykeyandmodel AS u
    JOIN usage_usageseries AS s ON s.id = u.series_id
    WHERE u.client_key_id IN (SELECT id FROM providers_clientkey WHERE owner_id = %s) ORDER BY 1
"""

Choice = tuple[str, str]


@dataclass(frozen=True)
class Menu:
    """One dimension with the values that can be chosen, as they stand in a query string and for
    people."""

    name: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class Chip:
    """One filter that holds, and the query string without it."""

    label: str
    value: str
    query_without: str


def range_bar(form: HistoryForm) -> dict[str, object]:
    """The context of `usage/range_bar.html` on a page without filters."""
    return {
        "ranges": RANGES,
        "chosen": form.cleaned_data.get("range", ""),
        "shown": form.shown(),
        "kept": [],
        "cut": [],
    }


def filter_bar(request: HttpRequest, form: HistoryForm) -> dict[str, Any]:
    """The context of `usage/filter_bar.html`."""
    menus = _menus(form.scope)
    names = {menu.name: dict(menu.choices) for menu in menus}
    pairs = query_pairs(request)
    filters = form.filters.query if form.is_valid() else []
    return {
        **range_bar(form),
        "menus": menus,
        "chips": [
            *(
                Chip(
                    Dimension(name).label,
                    names.get(name, {}).get(value, value),
                    _without(pairs, (name, value)),
                )
                for name, value in filters
            ),
            *_hour_chips(form, pairs),
        ],
        "kept": filters,
        "cut": [pair for pair in pairs if pair[0] in _CUT],
        "time": [pair for pair in pairs if pair[0] in ("range", "from", "to", "tz", *_CUT)],
        "query": urlencode(pairs),
        **views_menu(request, pairs),
        "query_without_filters": urlencode(
            [pair for pair in pairs if pair not in filters and pair[0] != _HOUR]
        ),
    }


def _hour_chips(form: HistoryForm, pairs: list[Choice]) -> list[Chip]:
    hour = form.cleaned_data.get(_HOUR) if form.is_valid() else None
    if hour is None:
        return []
    value = f"{WEEKDAYS_ABBR[hour.day - 1]} {hour.hour}:00"
    return [Chip(gettext("Hour"), value, _without(pairs, (_HOUR, str(hour))))]


def query_pairs(request: HttpRequest) -> list[Choice]:
    """The query string that says what the page shows, without empty parameters."""
    return [
        (name, value)
        for name, values in request.GET.lists()
        if name not in _LEFT_BEHIND
        for value in values
        if value
    ]


def _without(pairs: Iterable[Choice], left_out: Choice) -> str:
    return urlencode([pair for pair in pairs if pair != left_out])


def _menus(scope: Scope) -> list[Menu]:
    choices = _everybodys_choices() if scope.sees_everything else _own_choices(scope)
    choices[Dimension.OUTCOME] = [
        ("succeeded", gettext("Succeeded")),
        ("failed", gettext("Failed")),
    ]
    choices[Dimension.FAILURE_CLASS] = [
        (name.value, _failure_class(name)) for name in FailureClass if name.value
    ]
    return [
        Menu(dimension.value, dimension.label, choices[dimension])
        for dimension in Dimension
        if len(choices.get(dimension, ())) > 1
    ]


def _failure_class(name: FailureClass) -> str:
    label = capfirst(str(name.label))
    if name in DIVIDED:
        return gettext("%(failure_class)s (all)") % {"failure_class": label}
    return label


def _own_choices(scope: Scope) -> dict[Dimension, list[Choice]]:
    with connection.cursor() as cursor:
        cursor.execute(_OWN_MODELS, [scope.owner_id])
        models = [row[0] for row in cursor.fetchall()]
    keys = ClientKey.objects.filter(owner_id=scope.owner_id)[:MOST_CHOICES]
    return {
        Dimension.KEY: [(str(key.pk), key.display_name) for key in keys],
        Dimension.MODEL: [(model, model) for model in models],
    }


def _everybodys_choices() -> dict[Dimension, list[Choice]]:
    nobody = (UNATTRIBUTED, gettext("Nobody's"))
    credentials = Credential.objects.values_list("pk", "label", "auth_index")
    owners = (
        get_user_model()
        .objects.filter(client_keys__isnull=False)
        .distinct()
        .order_by("username")[:MOST_CHOICES]
    )
    return {
        Dimension.UPSTREAM: [
            (name, name) for name in Upstream.with_removed.values_list("name", flat=True)
        ],
        Dimension.USER: [*((str(user.pk), user.get_username()) for user in owners), nobody],
        Dimension.KEY: [
            *((str(key.pk), key.display_name) for key in ClientKey.objects.all()[:MOST_CHOICES]),
            (UNATTRIBUTED, gettext(NO_KEY)),
        ],
        Dimension.CREDENTIAL: [
            *((str(pk), credential_name(*names)) for pk, *names in credentials[:MOST_CHOICES]),
            (UNATTRIBUTED, gettext(NO_CREDENTIAL)),
        ],
        **_choices_of_series(),
    }


def _choices_of_series() -> dict[Dimension, list[Choice]]:
    columns = ", ".join(f"array_agg(DISTINCT {dimension.value})" for dimension in _OF_SERIES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"/* usage.web.filter_bar */ SELECT {columns} FROM usage_usageseries WHERE level ="
            " 'full'"
        )
        found = cursor.fetchone()
    return {
        dimension: [(value or EMPTY, value or gettext("Not reported")) for value in values or []][
            :MOST_CHOICES
        ]
        for dimension, values in zip(_OF_SERIES, found, strict=True)
    }
