"""The simulated upstream of a stack that has no real one: the same port, key, past and log at
every start."""

import http.client
import json
import os
import secrets
import socket
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from config.stack.errors import CannotStart
from config.stack.supervisor import Child, Supervisor

HISTORY_DAYS = 30
HISTORY_PER_DAY = 600
# Seen to live, and still of the size of the past: budgets are near their limits for hours.
LIVE_RATE = 0.1
SEED = 1
READY_SECONDS = 60
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Identity:
    """What a folder's simulator keeps across restarts."""

    port: int
    key: str

    def environment(self) -> dict[str, str]:
        """What the other children find their upstream by."""
        return {
            "CLIPROXYAPI_MANAGEMENT_URL": f"http://{HOST}:{self.port}/v0/management",
            "CLIPROXYAPI_PUBLIC_URL": f"http://{HOST}:{self.port}",
            "MANAGEMENT_API_KEY": self.key,
            "TOLLGATE_SIMULATED": "true",
        }


@dataclass(frozen=True)
class Simulator:
    """A simulator that was started, and soon responds."""

    identity: Identity
    child: Child

    def wait(self, stop: threading.Event) -> None:
        """Wait until it responds, or `stop` is set; raises CannotStart."""
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(self.identity.port) and not stop.is_set():
            if not self.child.is_alive() or time.monotonic() > deadline:
                raise CannotStart(
                    "the simulated upstream did not start; its last output:\n"
                    + "\n".join(self.child.last_lines)
                )
            stop.wait(0.1)


def start(var_dir: Path, supervisor: Supervisor, *, with_history: bool) -> Simulator:
    """Start it: it makes its past first, and then responds."""
    identity = kept_identity(var_dir)
    folder = var_dir / "simulator"
    first = command(identity, folder, with_history=with_history)
    child = Child("simulator", first, {}, serves_others=True)
    supervisor.start(child)
    # Should it die, what it has delivered is not delivered again.
    child.command = command(identity, folder, with_history=False)
    return Simulator(identity, child)


def kept_identity(var_dir: Path) -> Identity:
    """Port and key of this folder's simulator; the port is a new one if another process took the
    old."""
    folder = var_dir / "simulator"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = _read(folder / "identity.json") or Identity(0, secrets.token_urlsafe(24))
    identity = Identity(free_port(kept.port), kept.key)
    unfinished = folder / "identity.unfinished"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"port": identity.port, "key": identity.key}, file)
    unfinished.rename(folder / "identity.json")
    return identity


def _read(path: Path) -> Identity | None:
    try:
        found = json.loads(path.read_text())
        return Identity(int(found["port"]), str(found["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def free_port(wanted: int) -> int:
    """The wanted loopback port if it is free, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def command(identity: Identity, folder: Path, *, with_history: bool) -> list[str]:
    """The simulator's command line; its past is delivered once, at the first start of a folder,
    in which its log is kept."""
    options = {
        "host": HOST,
        "port": identity.port,
        "key": identity.key,
        "rate": LIVE_RATE,
        "seed": SEED,
        "folder": folder,
        "utc-offset": _minutes_ahead(settings.TIME_ZONE),
        "history-days": HISTORY_DAYS if with_history else 0,
        "history-per-day": HISTORY_PER_DAY,
    }
    # Joined by "=", as a key may begin with a dash.
    return [
        sys.executable,
        "-m",
        "management_proxy.simulator",
        "--lived-in",
        *(f"--{name}={value}" for name, value in options.items()),
    ]


def _minutes_ahead(zone: str) -> int:
    """Of UTC, by a zone's clocks of today: the simulator works and logs by the same as its
    operator."""
    ahead = datetime.now(ZoneInfo(zone)).utcoffset() or timedelta()
    return ahead // timedelta(minutes=1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
