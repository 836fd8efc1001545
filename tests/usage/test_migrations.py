"""Data of existing installations survive the migrations that reshape them."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from providers.models import ClientKey, Credential
from tests.factories import make_event, make_upstream, store
from tests.usage.upkeep.test_rebuild import rows_of
from usage.rollups.tables import GRANULARITIES
from usage.upkeep.rebuild import rebuild

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("usage", "0002_partitioned_events")]


def migrate(targets: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


@pytest.fixture
def migrated_back():
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("usage")
    migrate(BEFORE)
    yield newest
    if MigrationExecutor(connection).migration_plan(newest):  # the test failed before
        migrate(newest)


def insert(table: str, **values) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})"
            " RETURNING id",
            list(values.values()),
        )
        return cursor.fetchone()[0]


def old_series(upstream, number: int, **fields) -> int:
    blank = dict.fromkeys(
        (
            "provider",
            "model",
            "alias",
            "endpoint",
            "auth_type",
            "executor_type",
            "service_tier",
            "reasoning_effort",
            "failure_class",
        ),
        "",
    )
    return insert(
        "usage_usageseries",
        upstream_id=upstream.pk,
        digest=UUID(int=number),
        **{**blank, "failed": False, "level": "full", **fields},
    )


def test_old_events_are_reshaped_and_new_ones_join_them(migrated_back):
    """Migrating back and forth takes long, so two installations share it."""
    upstream, other = make_upstream(), make_upstream()
    keys, credential = leave_events(upstream)
    leave_series(other)
    migrate(migrated_back)
    assert_parties_moved_to_the_events(keys, credential)
    assert_rollups_are_those_of_the_events()
    assert_new_events_join_the_series(other)


def leave_events(upstream) -> tuple[list[ClientKey], Credential]:
    """What the old version stored of two client keys and of attempts without one."""
    keys = [ClientKey.objects.create(upstream=upstream, digest=bytes([n])) for n in range(2)]
    credential = Credential.objects.create(upstream=upstream, auth_index="a")
    narrow = old_series(upstream, 1, level="overall")
    shared = {
        "provider": "codex",
        "model": "m",
        "alias": "m",
        "key_and_model_id": narrow,
        "overall_id": narrow,
        "credential_id": credential.pk,
    }
    series = [
        old_series(upstream, 2 + n, client_key_id=key.pk, **shared) for n, key in enumerate(keys)
    ]
    failed = {"credential_id": None, "failed": True, "failure_class": "quota"}
    series.append(old_series(upstream, 9, **{**shared, **failed}))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS usage_event_y2026m11 PARTITION OF usage_event FOR VALUES"
            " FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')"
        )
    for number in range(12):
        at, latency = datetime(2026, 11, 1 + number, 23, 50, tzinfo=UTC), number * 100
        insert(
            "usage_event",
            timestamp=at,
            digest=UUID(int=number),
            series_id=series[number % 3],
            request_id="",
            is_first_attempt=True,
            latency_ms=latency,
            ttft_ms=latency // 2 or None,
            total_tokens=number,
            token_quality="complete",
        )
    return keys, credential


SERIES = {
    "provider": "codex",
    "model": "gpt-5.4",
    "alias": "gpt-5.4",
    "endpoint": "POST /v1/responses",
    "auth_type": "oauth",
    "executor_type": "CodexExecutor",
    "service_tier": "auto",
}


def leave_series(upstream) -> None:
    """The series that a new event will be of, as the old version stored it."""
    narrow = old_series(upstream, 11, level="overall")
    old_series(upstream, 12, key_and_model_id=narrow, overall_id=narrow, **SERIES)


def assert_parties_moved_to_the_events(keys: list[ClientKey], credential: Credential) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT client_key_id, credential_id, failed FROM usage_event AS e JOIN"
            " usage_usageseries AS s ON s.id = series_id ORDER BY e.id LIMIT 3"
        )
        moved = cursor.fetchall()
    assert moved == [
        (keys[0].pk, credential.pk, False),
        (keys[1].pk, credential.pk, False),
        (None, None, True),
    ]


def assert_rollups_are_those_of_the_events() -> None:
    filled = [rows_of(granularity) for granularity in GRANULARITIES]
    rebuild(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    assert filled == [rows_of(granularity) for granularity in GRANULARITIES]
    assert all(filled)


def assert_new_events_join_the_series(upstream) -> None:
    """The digests that the migration computes are those of the attribution, so no series is made
    twice."""
    store(upstream, make_event())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT level, count(*) FROM usage_usageseries WHERE upstream_id = %s GROUP BY level"
            " ORDER BY level",
            [upstream.pk],
        )
        assert cursor.fetchall() == [
            ("account", 1),
            ("full", 1),
            ("model", 1),
            ("overall", 1),
            ("upstream", 1),
        ]


@pytest.mark.django_db(transaction=False)
def test_histograms_are_behind_what_every_sum_reads():
    """A row is read up to the last column that a statement needs, and lists are most of it."""
    for granularity in GRANULARITIES:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
                " ORDER BY attnum",
                [granularity.table],
            )
            names = [name for (name,) in cursor.fetchall()]
        histograms = [name for name in names if name.endswith(("_bins", "_counts"))]
        assert names[-4:] == histograms, granularity.table
        assert set(names[: len(granularity.key)]) == set(granularity.key)
