"""The health check of a database connection: free while all is well, and right when it is not."""

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY


@pytest.fixture
def other(transactional_db):
    """A second connection, as it is at the beginning of a request."""
    copy = connection.copy(alias="other")
    with copy.cursor() as cursor:
        cursor.execute("SELECT 1")
    copy.health_check_enabled = True
    copy.close_if_unusable_or_obsolete()
    yield copy
    copy.close()


def backend(of):
    with of.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_living_connection_is_kept_without_a_question(other, monkeypatch):
    before = other.connection
    monkeypatch.setattr(
        "django.db.backends.postgresql.base.DatabaseWrapper.is_usable",
        lambda self: pytest.fail("asked"),
    )
    backend(other)
    assert other.connection is before


def test_a_connection_that_the_server_closed_is_replaced(other):
    before = other.connection
    pid = before.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
        assert cursor.fetchone()[0]
    assert backend(other) != pid


@pytest.mark.parametrize(("threshold", "kept"), [(0, 1), (None, 0)])
def test_a_planned_statement_is_kept_by_the_server_where_that_is_allowed(other, threshold, kept):
    other.connection.prepare_threshold = threshold
    for number in range(3):
        with other.planned_cursor() as cursor:
            cursor.execute("SELECT %s::int", [number])
            assert cursor.fetchall() == [(number,)]
    with other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (kept,)


def test_a_planned_statement_is_shown_where_statements_are_recorded(other):
    other.connection.prepare_threshold = 0
    with CaptureQueriesContext(other) as captured, other.planned_cursor() as cursor:
        cursor.execute("SELECT %s::text", ["ada"])
    assert [query["sql"] for query in captured] == ["SELECT 'ada'::text"]


def test_a_planned_cursor_replaces_a_closed_connection(other):
    pid = other.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    with other.planned_cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != (pid,)


def test_a_binary_cursor_receives_bytes_as_they_are(other):
    with other.binary_cursor() as cursor:
        cursor.execute("SELECT %s::bytea, %s::int", [b"\x00\xff", 7])
        assert cursor.cursor.pgresult.get_value(0, 0) == b"\x00\xff"
        assert cursor.fetchone() == (b"\x00\xff", 7)


@pytest.mark.django_db
def test_json_is_decoded_exactly():
    with connection.cursor() as cursor:
        cursor.execute("SELECT json_build_object('cost', 9007199254740993, 'name', '€', 'n', null)")
        assert cursor.fetchone()[0] == {"cost": 2**53 + 1, "name": "€", "n": None}


def counted(name: str, alias: str, **labels: str) -> float:
    sample = REGISTRY.get_sample_value(
        f"django_db_{name}", {"alias": alias, "vendor": "postgresql", **labels}
    )
    return sample or 0.0


def test_statements_and_connections_are_counted(other):
    names = ("execute_total", "execute_many_total", "query_duration_seconds_count")
    connections = counted("new_connections_total", "other")
    before = [counted(name, "other") for name in names]
    with other.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.executemany("SELECT %s::int", [[1], [2], [3]])
    with other.planned_cursor() as cursor:
        cursor.execute("SELECT 1")
    after = [counted(name, "other") for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [5, 3, 3]
    other.close()
    other.ensure_connection()
    assert counted("new_connections_total", "other") == connections + 1


def test_refused_statements_and_connections_are_counted_by_what_is_wrong(other):
    before = counted("errors_total", "other", type="UndefinedTable")
    with other.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT 1 FROM no_such_table")
    assert counted("errors_total", "other", type="UndefinedTable") == before + 1
    before = counted("new_connection_errors_total", "other")
    other.close()
    other.settings_dict["NAME"] = "no_such_database"
    with pytest.raises(OperationalError):
        other.ensure_connection()
    assert counted("new_connection_errors_total", "other") == before + 1
