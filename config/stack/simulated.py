"""The simulated upstream of a stack that has no real one: the same port, key and past at every start."""

import json
import secrets
import socket
from pathlib import Path
from typing import Any

HISTORY_DAYS = 30
HISTORY_PER_DAY = 1500
LIVE_RATE = 2


def identity(var_dir: Path) -> tuple[int, str]:
    """Port and key of this folder's simulator; the port is a new one if somebody else took the old."""
    path = var_dir / "simulator.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"port": 0, "key": secrets.token_urlsafe(24)}
    kept["port"] = free_port(kept["port"])
    path.touch(mode=0o600)
    path.write_text(json.dumps(kept))
    return kept["port"], kept["key"]


def free_port(wanted: int) -> int:
    """The wanted loopback port if it is free, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def arguments(port: int, key: str, *, with_history: bool) -> list[str]:
    """The simulator's command line; its past is handed out once, at the first start of a folder."""
    past = ["--history-days", str(HISTORY_DAYS), "--history-per-day", str(HISTORY_PER_DAY)] if with_history else []
    return ["-m", "management_proxy.simulator", "--host", "127.0.0.1", "--port", str(port), "--key", key, "--rate", str(LIVE_RATE), *past]
