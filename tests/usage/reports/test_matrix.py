"""The matrix: every cell, every rest and every sum equals the stored attempts."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_event, make_upstream, store
from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.history.windows import Period
from usage.models import UsageEvent
from usage.reports.matrix import matrix

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 19, tzinfo=UTC)
PERIOD = Period.of_days(date(2026, 11, 19), date(2026, 11, 20), ZoneInfo("UTC"))


@pytest.fixture
def traffic():
    """150 attempts of eight models and five keys, one of which is none."""
    store(
        make_upstream(),
        *[
            make_event(
                timestamp=DAY + timedelta(minutes=19 * n),
                api_key=f"sk-{n % 5}" if n % 5 else "",
                model=f"model-{n % 8}",
                failed=not n % 9,
            )
            for n in range(150)
        ],
    )


def query(**more) -> SummaryQuery:
    groups = more.pop("groups", (Dimension.KEY, Dimension.MODEL))
    return SummaryQuery(PERIOD, Scope(None, sees_everything=True), groups=groups, **more)


def stored(**fields) -> Counter[tuple[str, str]]:
    """Attempts by key and model, as filters know these."""
    rows = UsageEvent.objects.filter(**fields).values_list("client_key", "series__model")
    return Counter((str(key or "unattributed"), model) for key, model in rows)


def test_cells_and_sums_are_those_of_the_attempts(traffic):
    found, expected = matrix(query()), stored()
    cells = {
        (row.name.value, column.name.value): cell.attempts
        for row, line in zip(found.rows, found.cells, strict=True)
        for column, cell in zip(found.columns, line, strict=True)
        if cell
    }
    assert cells == expected
    assert found.total.attempts == expected.total() == 150
    for row in found.rows:
        assert row.total.attempts == sum(
            count for (key, _), count in expected.items() if key == row.name.value
        )
    assert [row.total.attempts for row in found.rows] == sorted(
        [row.total.attempts for row in found.rows], reverse=True
    )
    failed = UsageEvent.objects.filter(series__failed=True).count()
    assert sum(row.total.failed for row in found.rows) == failed == found.total.failed


def test_what_is_beyond_the_largest_is_summed_and_named(traffic):
    found = matrix(query(top=2), columns_shown=3)
    *_, rest = found.rows
    assert (len(found.rows), len(found.columns)) == (3, 4)
    assert (rest.name, rest.others, len(rest.values)) == (None, 3, 3)
    others = found.columns[-1]
    assert sum(line.total.attempts for line in found.columns) == 150
    expected = stored()
    assert found.cells[-1][-1].attempts == sum(
        count
        for (key, model), count in expected.items()
        if key in rest.values and model in others.values
    )


def test_a_rest_of_one_value_is_that_value(traffic):
    found = matrix(query(top=7))
    assert len(found.columns) == 8
    assert all(column.name for column in found.columns)


def test_ranked_by_what_is_wanted(traffic):
    failures = [row.total.failed for row in matrix(query(order="failed")).rows]
    assert failures == sorted(failures, reverse=True)


def test_filters_hold(traffic):
    filters = Filters({Dimension.MODEL: ("model-1", "model-2")})
    found = matrix(query(filters=filters))
    assert {column.name.value for column in found.columns} == {"model-1", "model-2"}
    assert found.total.attempts == stored(series__model__in=("model-1", "model-2")).total()


def test_nothing_is_an_empty_matrix():
    found = matrix(query())
    assert (found.rows, found.columns, found.total.attempts) == ([], [], 0)
