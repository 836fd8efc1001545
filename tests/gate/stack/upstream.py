"""The simulated upstream in a process of its own, as the gate steers it and believes its log."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.gate.stack.processes import Managed
from tests.processes import free_port

KEY = "gate-management-key"
RETENTION_SECONDS = 60
CLIENTS = 20


class Upstream:
    """The simulator's process, and what it counted over all its lives."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        options = {
            "port": self.port,
            "key": KEY,
            "retention": RETENTION_SECONDS,
            "statistics": "on",
            "clients": CLIENTS,
            "seed": 1,
        }
        command = [sys.executable, "-m", "management_proxy.simulator"]
        command += [f"--{name}={value}" for name, value in options.items()]
        self.process = Managed("simulator", command, environment, folder / "simulator.log")
        # What earlier lives delivered, and what expired in them.
        self.delivered_before = 0
        self.pruned_before = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def management_url(self) -> str:
        return f"{self.url}/v0/management"

    def start(self) -> None:
        """Start it and wait until it responds."""
        self.process.start()
        deadline = time.monotonic() + 60
        while not self._responds():
            assert self.process.is_alive, self.process.last_lines()
            assert time.monotonic() < deadline, "the simulator did not start"
            time.sleep(0.05)

    def _responds(self) -> bool:
        try:
            self.state()
        except OSError:
            return False
        return True

    def control(self, path: str, value: Any = None, method: str = "") -> Any:
        """Call a control route (management_proxy/simulator/control): `POST` with a value, else
        `GET`."""
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/__control/{path}",
            body,
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)

    def state(self) -> Any:
        return self.control("state")

    def faults(self, *faults: dict[str, Any]) -> None:
        """Let these faults, and no others, be in force."""
        self.control("faults", method="DELETE")
        if faults:
            self.control("faults", list(faults))

    def delivered(self) -> int:
        """Events that the queue delivered, in all its lives."""
        return self.delivered_before + int(self.state()["handed_out"])

    def pruned(self) -> int:
        """Events that expired in the queue, in all its lives."""
        return self.pruned_before + int(self.state()["pruned"])

    def attempts(self, text: str) -> int:
        """Requests received whose `METHOD path status` contains the text, refused ones included."""
        requests: dict[str, int] = self.state()["requests"]
        return sum(count for name, count in requests.items() if text in name)

    def client_keys(self) -> list[str]:
        """The client keys that it lists."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.management_url}/api-keys", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return list(json.load(response)["api-keys"])

    def renew(self) -> None:
        """Start it anew, as if it had never run."""
        self.process.stop()
        self.delivered_before = self.pruned_before = 0
        self.start()

    def crash(self, down_seconds: float) -> None:
        """Kill it, with all that is queued, and start it again."""
        state = self.state()
        self.delivered_before += int(state["handed_out"])
        self.pruned_before += int(state["pruned"])
        self.process.kill()
        time.sleep(down_seconds)
        self.start()
