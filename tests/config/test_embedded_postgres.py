"""The embedded database, with real servers in a folder of their own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded_postgres
from config.embedded_postgres import (
    EmbeddedPostgresError,
    connection_settings,
    ensure_running,
    server_pid,
    stop_if_unused,
)
from tests.processes import alive, eventually, python

USE = """
import sys
from pathlib import Path
from config import embedded_postgres
embedded_postgres.ensure_running(Path(sys.argv[1]))
print("server", embedded_postgres.server_pid(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def var_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose server, if a test left one running, is stopped at the end."""
    folder = tmp_path_factory.mktemp("var")
    yield folder
    stop_if_unused(folder)


@pytest.fixture(autouse=True)
def unused(var_dir: Path) -> Iterator[None]:
    yield
    stop_if_unused(var_dir)
    assert server_pid(var_dir) is None


@pytest.fixture
def fresh_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server of the test's own, stopped at the end also if the test failed."""
    yield tmp_path
    stop_if_unused(tmp_path)


def query(var_dir: Path, statement: str) -> list[tuple[object, ...]]:
    at = connection_settings(var_dir)
    with psycopg.connect(
        host=at["HOST"], port=at["PORT"], user=at["USER"], dbname=at["NAME"], autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def said_server(process: "subprocess.Popen[str]") -> int:
    # As root, it may first say which folders it opened.
    return next(int(line.split()[1]) for line in process.stdout if line.startswith("server "))


def test_many_at_once_get_one_server(fresh_dir: Path):
    with (
        python("-c", USE, str(fresh_dir)) as a,
        python("-c", USE, str(fresh_dir)) as b,
        python("-c", USE, str(fresh_dir)) as c,
    ):
        assert {said_server(process) for process in (a, b, c)} == {server_pid(fresh_dir)}
    assert stop_if_unused(fresh_dir)


def test_a_killed_server_comes_back_with_its_data(var_dir: Path):
    ensure_running(var_dir)
    query(var_dir, "CREATE TABLE kept AS SELECT 42 AS n")
    killed = server_pid(var_dir)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not alive(killed))
    ensure_running(var_dir)
    assert server_pid(var_dir) not in (None, killed)
    assert query(var_dir, "SELECT n FROM kept") == [(42,)]


def test_a_pid_file_that_names_a_stranger_is_not_believed(var_dir: Path):
    ensure_running(var_dir)
    pid_file = var_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    stop_if_unused(var_dir)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert server_pid(var_dir) is None
    ensure_running(var_dir)
    assert query(var_dir, "SELECT 1") == [(1,)]


def test_it_is_not_stopped_while_another_process_uses_it(var_dir: Path):
    ensure_running(var_dir)
    with python("-c", USE, str(var_dir)) as other:
        assert said_server(other)
        assert not stop_if_unused(var_dir)
        assert query(var_dir, "SELECT 1") == [(1,)]
    # That one was killed with -9 and counts no longer.
    assert stop_if_unused(var_dir)


def test_it_keeps_its_settings_and_speaks_on_no_network(var_dir: Path):
    ensure_running(var_dir)
    shown = [
        query(var_dir, f"SHOW {name}")[0][0]
        for name in ("listen_addresses", "server_encoding", "max_connections")
    ]
    assert shown == ["", "UTF8", "200"]


def test_its_environment_holds_no_secret(var_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MANAGEMENT_API_KEY", "a-secret-of-ours")
    ensure_running(var_dir)
    assert b"a-secret-of-ours" not in Path(f"/proc/{server_pid(var_dir)}/environ").read_bytes()


def test_data_of_another_version_is_refused_with_advice(var_dir: Path):
    ensure_running(var_dir)
    stop_if_unused(var_dir)
    version = var_dir / "postgres" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("12\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 12, .*dump it"):
            ensure_running(var_dir)
    finally:
        version.write_text(made_by)


def test_a_server_that_cannot_start_shows_its_last_output(var_dir: Path):
    ensure_running(var_dir)
    stop_if_unused(var_dir)
    configuration = var_dir / "postgres" / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text(good + "\nmax_connections = many\n")
    try:
        with pytest.raises(EmbeddedPostgresError, match="max_connections"):
            ensure_running(var_dir)
    finally:
        configuration.write_text(good)


def test_a_folder_of_other_files_is_not_touched(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedPostgresError, match="move that folder away"):
        ensure_running(tmp_path)
    assert (tmp_path / "postgres" / "letter.txt").read_text() == "dear"


def test_a_half_made_data_directory_is_made_again(fresh_dir: Path):
    (fresh_dir / "postgres.unfinished").mkdir()
    (fresh_dir / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    ensure_running(fresh_dir)
    assert stop_if_unused(fresh_dir)


@pytest.mark.parametrize("name", ["x" * 90, "a,b"])
def test_a_folder_that_no_socket_can_be_in_has_it_elsewhere(tmp_path: Path, name: str):
    directory = embedded_postgres.socket_directory(tmp_path / name)
    assert tmp_path not in directory.parents
    assert directory == embedded_postgres.socket_directory(tmp_path / name)
