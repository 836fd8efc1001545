"""A PostgreSQL server of the gate's own, so that it may be stopped in the middle."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from config import embedded_postgres

Row = tuple[Any, ...]


class Database:
    """The server below a folder, and queries on its database `name`; each on a connection of its
    own, so that a restart needs no care."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.name = "tollgate"
        embedded_postgres.ensure_running(home)
        self._host = embedded_postgres.connection_settings(home)["HOST"]

    @property
    def url(self) -> str:
        return f"postgresql://postgres@:5432/{self._host}/{self.name}"

    @property
    def address(self) -> str:
        """The same in the form that libpq takes."""
        return f"host={self._host} user=postgres dbname={self.name}"

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a statement."""
        with self._connect(self.name) as connection:
            return connection.execute(sql.encode(), parameters or None).fetchall()

    def number(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """The one number that a statement returns, 0 for NULL."""
        return int(self.query(sql, parameters)[0][0] or 0)

    def copy_of(self, template: str, name: str) -> None:
        """Use a new database `name` from now on: a copy of `template`, which nothing may use."""
        with self._connect("postgres") as server:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        self.name = name

    def _connect(self, name: str) -> "psycopg.Connection[Row]":
        return psycopg.connect(host=self._host, user="postgres", dbname=name, autocommit=True)

    def restart(self, down_seconds: float) -> None:
        """Stop the server as an operator would in a hurry, and start it again after a while."""
        pid = self.server_pid
        assert pid, "the database does not run"
        os.kill(pid, signal.SIGINT)
        while embedded_postgres.server_pid(self.home) is not None:
            time.sleep(0.05)
        time.sleep(down_seconds)
        embedded_postgres.ensure_running(self.home)

    @property
    def server_pid(self) -> int | None:
        return embedded_postgres.server_pid(self.home)

    def stop(self) -> None:
        embedded_postgres.stop_if_unused(self.home)
