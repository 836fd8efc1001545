"""Everything that is deployed, started and stopped as a whole.

    database, simulator -> prepared -> two web instances, two collectors, the reference -> stopped

Each web instance and each collector has a folder of its own, as if on a host of its own. A marked
environment finds what any of them leaves behind.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.gate.stack.database import Database
from tests.gate.stack.processes import MARK, Managed
from tests.gate.stack.upstream import KEY, Upstream
from tests.processes import PROJECT, free_port

COLLECTOR_KEY, METRICS_TOKEN = "gate-collector-key", "gate-metrics-token"
LEASE_TTL_SECONDS = 6
INSTANCES, WORKERS, COLLECTORS = 2, 2, 2
START_SECONDS = 90.0
SETTINGS = {
    **dict.fromkeys(("SECRET_KEY", "USAGE_HASH_KEY", "ENCRYPTION_KEYS"), "g" * 50),
    "MANAGEMENT_API_KEY": KEY,
    "TOLLGATE_SIMULATED": "true",
    "COLLECTOR_API_KEY": COLLECTOR_KEY,
    "METRICS_TOKEN": METRICS_TOKEN,
    "COLLECTOR_LEASE_TTL_SECONDS": str(LEASE_TTL_SECONDS),
    "MAX_CLIENT_KEYS_PER_USER": "1000",
    "CACHE_URL": "dbcache://tollgate_cache",
    "DATABASE_PREPARED_STATEMENTS": "true",
    "LOG_LEVEL": "warning",
    "WEB_WORKERS": str(WORKERS),
    "HOST": "127.0.0.1",
}


@dataclass
class Stack:
    """What is running, and who may call it."""

    home: Path
    database: Database
    upstream: Upstream
    mark: str
    staff: str = ""
    users: list[dict[str, Any]] = field(default_factory=list)
    sites: list[Managed] = field(default_factory=list)
    collectors: list[Managed] = field(default_factory=list)
    reference: Managed | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{site.environment['PORT']}" for site in self.sites]

    @property
    def reference_url(self) -> str:
        assert self.reference
        return f"http://127.0.0.1:{self.reference.command[-2]}"

    def environment(self, folder: str, **more: str) -> dict[str, str]:
        """Of a process with a folder of its own."""
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        return {
            **inherited,
            **SETTINGS,
            MARK: self.mark,
            "DATABASE_URL": self.database.url,
            "CLIPROXYAPI_MANAGEMENT_URL": self.upstream.management_url,
            "VAR_DIR": str(self.home / folder),
            **self.extra,
            **more,
        }

    def prepare(self, events: int, days: int) -> None:
        """Migrate, seed so many events, and make users; what they may do is kept here."""
        command = [sys.executable, "-m", "tests.gate.stack.prepare", str(events), str(days)]
        command += self.upstream.client_keys()
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment("prepare"), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        people = json.loads(done.stdout.splitlines()[-1])
        self.staff, self.users = people["staff"], people["users"]

    def serve(self) -> None:
        """Start everything that works on the prepared database, and wait until it responds."""
        self.sites = [self._site(number) for number in range(INSTANCES)]
        self.collectors = [self.collector(number) for number in range(COLLECTORS)]
        command = [sys.executable, "-m", "tests.gate.stack.todays_way"]
        command += [str(free_port()), self.database.address]
        self.reference = self._managed("reference", command)
        for process in (*self.sites, *self.collectors, self.reference):
            process.start()
        for site, url in zip(self.sites, self.urls, strict=True):
            self.wait_until_ready(site, f"{url}/readyz")
        self.wait_until_ready(self.reference, f"{self.reference_url}/1")

    def _site(self, number: int) -> Managed:
        command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
        return self._managed(f"web {number + 1}", command, PORT=str(free_port()))

    def collector(self, number: int, *, largest_file: int = 0) -> Managed:
        """A collector's loop, not started."""
        command = [sys.executable, "manage.py", "collect_usage", "--loop"]
        made = self._managed(f"collector {number + 1}", command)
        made.largest_file = largest_file
        return made

    def _managed(self, name: str, command: list[str], **more: str) -> Managed:
        folder = name.replace(" ", "-")
        return Managed(name, command, self.environment(folder, **more), self.home / f"{folder}.log")

    def wait_until_ready(self, process: Managed, url: str) -> None:
        """Wait until the address returns 200."""
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(url):
            assert process.is_alive, process.last_lines()
            assert time.monotonic() < deadline, f"{process.name}: {process.last_lines()}"
            time.sleep(0.05)

    def withdraw(self) -> None:
        """Stop what `serve` started."""
        everything = [*self.collectors, *self.sites, *([self.reference] if self.reference else [])]
        for process in everything:
            if process.process and process.is_alive:
                process.process.terminate()
        for process in everything:
            process.stop()

    def spooled(self) -> list[Path]:
        """The files that wait in any spool."""
        return [path for path in self.home.glob("*/spool/*/*") if path.is_file()]


@dataclass(frozen=True)
class Prepared:
    """A stack of which nothing serves yet."""

    stack: Stack
    database: str = "tollgate"


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


@contextmanager
def prepared(home: Path, events: int, days: int) -> Iterator[Prepared]:
    """A database server with a prepared database, until the block ends."""
    home.chmod(0o755)  # the database's own user enters it
    mark = secrets.token_hex(8)
    upstream = Upstream(home, {**os.environ, MARK: mark})
    database = Database(home / "database")
    try:
        upstream.start()
        stack = Stack(home, database, upstream, mark)
        stack.prepare(events, days)
        yield Prepared(stack)
    finally:
        upstream.process.stop()
        database.stop()


@contextmanager
def serving(base: Prepared, copy: str = "", extra: dict[str, str] | None = None) -> Iterator[Stack]:
    """Everything on the prepared database, or on a copy of that name, with a new upstream; `extra`
    are environment variables of all processes. A copy has folders of its own as well."""
    made = replace(base.stack, extra=extra or {}, mark=f"{base.stack.mark}.{copy}")
    if copy:
        made.home = base.stack.home / copy
        made.home.mkdir()
        made.database.copy_of(base.database, copy)
        made.upstream.renew()
    try:
        made.serve()
        yield made
    finally:
        made.withdraw()
