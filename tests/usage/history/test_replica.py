"""Reading from a real streaming replica: fresh data from it, from the primary when it lags, hangs
or is gone."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from config import embedded_postgres
from config.embedded_postgres import data_directory, installation
from monitoring.health import Level
from tests.processes import eventually
from usage.history import replica


class Pair:
    """A primary with one table, and its standby."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.standby = folder / "primary", folder / "standby"
        embedded_postgres.ensure_running(self.primary)
        self.write("CREATE TABLE t (n int)")
        owner = data_directory.owner(self.primary / "postgres")
        installation.make_private(self.standby / "postgres", owner)
        socket = str(embedded_postgres.socket_directory(self.primary))
        arguments = [
            "-h",
            socket,
            "-U",
            "postgres",
            "-D",
            str(self.standby / "postgres"),
            "-R",
            "-c",
            "fast",
            "--no-sync",
        ]
        installation.run_program("pg_basebackup", *arguments, user=owner)
        self.start()

    def start(self) -> None:
        embedded_postgres.ensure_running(self.standby)

    def stop(self) -> None:
        for var_dir in (self.standby, self.primary):
            embedded_postgres.stop_if_unused(var_dir)

    def kill_standby(self) -> None:
        pid = embedded_postgres.server_pid(self.standby)
        assert pid
        os.kill(pid, signal.SIGQUIT)  # its backends end with it, as on a crash
        eventually(lambda: embedded_postgres.server_pid(self.standby) is None)

    def write(self, statement: str) -> None:
        self._run(self.primary, statement)

    def pause(self) -> None:
        self._run(self.standby, "SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self._run(self.standby, "SELECT pg_wal_replay_resume()")

    @staticmethod
    def _run(var_dir: Path, statement: str) -> None:
        at = embedded_postgres.connection_settings(var_dir)
        with psycopg.connect(
            host=at["HOST"], port=at["PORT"], user=at["USER"], dbname=at["NAME"], autocommit=True
        ) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("replica"))
    yield pair
    pair.stop()


@pytest.fixture(autouse=True)
def reading(pair: Pair, monkeypatch, settings, django_db_blocker) -> Iterator[None]:
    """The module reads from the pair, and has seen nothing of it yet."""
    pair.start()
    pair.resume()
    for alias, var_dir in (("pair_primary", pair.primary), ("pair_standby", pair.standby)):
        options = {
            **connections.databases["default"],
            **embedded_postgres.connection_settings(var_dir),
        }
        monkeypatch.setitem(connections.databases, alias, options)
    monkeypatch.setattr(replica, "PRIMARY", "pair_primary")
    monkeypatch.setattr(replica, "REPLICA", "pair_standby")
    monkeypatch.setattr(replica, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(replica, "LEAVE_ALONE", 0.0)
    monkeypatch.setattr(replica, "_watch", replica._Watch())
    settings.HISTORY_REPLICA_MAX_LAG_SECONDS = 10.0
    pair.write("TRUNCATE t")
    with django_db_blocker.unblock():
        yield
    for alias in ("pair_primary", "pair_standby"):
        connections[alias].close()
        del connections[alias]


def count() -> int:
    with replica.connection().cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t")
        return cursor.fetchone()[0]


def alias_read() -> str:
    return replica.read(count)[1].alias


def test_fresh_replica_is_read_and_says_how_fresh_it_is(pair):
    eventually(lambda: alias_read() == "pair_standby", 60)
    before = datetime.now(UTC)
    pair.write("INSERT INTO t VALUES (1)")
    eventually(lambda: replica.read(count)[0] == 1, 60)
    assert [finding.level for finding in replica.check()] == [Level.OK]
    _, where = replica.read(count)
    assert where.alias == "pair_standby"
    assert before < where.as_of <= datetime.now(UTC)


def test_idle_primary_does_not_make_the_replica_late(pair):
    eventually(lambda: alias_read() == "pair_standby", 60)
    assert [alias_read() for _ in range(5)] == ["pair_standby"] * 5


def test_replica_that_lags_is_not_read(pair, settings):
    eventually(lambda: alias_read() == "pair_standby", 60)
    pair.pause()
    pair.write("INSERT INTO t VALUES (1)")
    settings.HISTORY_REPLICA_MAX_LAG_SECONDS = 0.3
    eventually(lambda: alias_read() == "pair_primary", 60)
    assert replica.read(count)[0] == 1
    pair.resume()
    eventually(lambda: alias_read() == "pair_standby", 60)


def test_within_the_bound_what_was_read_is_complete_up_to_what_it_says(pair):
    eventually(lambda: alias_read() == "pair_standby", 60)
    pair.pause()
    before = datetime.now(UTC)
    pair.write("INSERT INTO t VALUES (1)")
    for _ in range(3):
        found, where = replica.read(count)
        assert (found, where.alias) == (0, "pair_standby")
        assert where.as_of <= before


def test_killed_replica_is_replaced_by_the_primary_in_the_middle_of_a_question(pair):
    eventually(lambda: alias_read() == "pair_standby", 60)
    read_from = []

    def compute():
        read_from.append(replica.connection().alias)
        if len(read_from) == 1:
            pair.kill_standby()
        return count()

    assert replica.read(compute)[0] == 0
    assert read_from == ["pair_standby", "pair_primary"]
    assert alias_read() == "pair_primary"
    assert [finding.level for finding in replica.check()] == [Level.WARNING]
    pair.start()
    eventually(lambda: alias_read() == "pair_standby", 60)


def test_another_primary_is_no_replica(pair, monkeypatch):
    monkeypatch.setitem(
        connections.databases, "pair_standby", connections.databases["pair_primary"]
    )
    assert alias_read() == "pair_primary"


def test_without_a_replica_the_primary_is_read(monkeypatch):
    monkeypatch.setattr(replica, "REPLICA", "nowhere")
    assert alias_read() == "pair_primary"
    assert list(replica.check()) == []


def test_error_of_the_question_itself_is_no_reason_to_ask_again():
    with pytest.raises(ZeroDivisionError):
        replica.read(lambda: 1 // 0)
