"""The first pages of a new database, which has no statistics of its tables yet."""

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import connection

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.traffic.queue import as_page
from tests.factories import make_upstream
from usage.ingest import store
from usage.ingest.attribution import Attribution

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not settings.EMBEDDED_POSTGRES, reason="PostgreSQL 18 forgets statistics"),
]
# With events of two months, the database expects more attempts of a request than series.
TURN_OF_THE_MONTH = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_series_are_looked_up_for_the_attempts_of_a_request_not_the_other_way_round():
    upstream = make_upstream()
    app = SimulatedUpstream(Options(seed=1, clock=TURN_OF_THE_MONTH.timestamp))
    app.queue_history(1, 700)
    store.ingest(as_page(app.state.queue.pop(1000)), "a", upstream, Attribution(upstream))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_clear_relation_stats('public', 'usage_usageseries')")
        parameters = {"zone": "UTC", "window": store.REQUEST_WINDOW}
        cursor.execute(f"EXPLAIN {store._INSERT}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    within = plan[plan.index("SubPlan") :]
    assert within.index("on usage_event_y") < within.index("on usage_usageseries"), plan
