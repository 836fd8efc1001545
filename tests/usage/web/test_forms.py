"""The named ranges of the filter bar."""

from datetime import UTC, date, datetime

import pytest
from django.http import QueryDict
from django.utils import timezone

from tests.factories import make_user
from usage.history.scope import Scope
from usage.web.forms import HistoryForm

# In Berlin it is the next day already.
NOW = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("range=today", date(2026, 3, 3), date(2026, 3, 3)),
        ("range=yesterday", date(2026, 3, 2), date(2026, 3, 2)),
        ("range=yesterday&tz=Europe/Berlin", date(2026, 3, 3), date(2026, 3, 3)),
        ("range=yesterday&tz=+Europe/Berlin+", date(2026, 3, 3), date(2026, 3, 3)),
        ("range=7d", date(2026, 2, 25), date(2026, 3, 3)),
        ("", date(2026, 2, 25), date(2026, 3, 3)),
    ],
)
def test_ranges_move_with_the_day(monkeypatch, settings, query, first, last):
    settings.TIME_ZONE = "UTC"
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    form = HistoryForm(QueryDict(query), scope=Scope.of(make_user("ada", staff=True)))
    assert form.is_valid(), form.errors
    assert (form.window().first, form.window().last) == (first, last)
