"""An evaluation as a whole: all rules in one snapshot, and what is the same for all read once."""

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring.alerts.engine import evaluate
from monitoring.models import AlertRule
from tests.factories import make_event, make_upstream, store

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_shipped_rules_are_measured_in_one_snapshot():
    store(make_upstream(), make_event())
    assert AlertRule.objects.filter(is_enabled=True).count() > 20
    assert evaluate().errors == {}


def test_what_is_the_same_for_all_rules_is_read_once():
    store(make_upstream(), make_event())
    AlertRule.objects.update(is_enabled=False)
    for number in range(10):
        AlertRule.objects.create(
            name=f"rule {number}",
            signal="usage.failure_rate",
            threshold=99,
            filters={"model": f"model-{number}"},
        )
    with CaptureQueriesContext(connection) as captured:
        assert evaluate().errors == {}
    found = Counter(
        name
        for query in captured
        for name in ("usage_prunedmonth", "usage_rollupcalendar", "usage.history.sums")
        if name in (query["sql"] or "")
    )
    assert found == {"usage_prunedmonth": 1, "usage_rollupcalendar": 1, "usage.history.sums": 10}
