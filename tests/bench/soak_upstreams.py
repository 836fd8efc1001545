"""The upstream of the collector's soak: a real server if `CLIPROXYAPI_BINARY` names one, else the
simulated one."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from management_proxy.simulator import RunningSimulator, running_simulator
from tests.real_upstream import BINARY, KEY, REFUSED, Server, real_server


class SoakedUpstream(Protocol):
    """What the soak does to an upstream."""

    name: str
    url: str
    key: str

    def send(self) -> None:
        """Serve one client."""

    def counted(self) -> int:
        """Attempts that its counters show."""

    def switch_statistics(self, *, on: bool) -> None: ...

    def restart(self) -> None:
        """Kill it, with what is queued, and start it again."""


def _counted() -> int:
    from management_proxy.client.usage import counters
    from management_proxy.models import Upstream
    from management_proxy.upstreams.clients import client_for

    return sum(c.success + c.failed for c in counters(client_for(Upstream.objects.get())))


class Real:
    """A real server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.name, self.key = "a real CLIProxyAPI", KEY
        self.url = f"{server.url}/v0/management"

    def send(self) -> None:
        self._server.chat(1, REFUSED if random.random() < 0.1 else "x")

    def counted(self) -> int:
        return _counted()

    def switch_statistics(self, *, on: bool) -> None:
        self._server.switch_statistics(on=on)

    def restart(self) -> None:
        self._server.stop()
        self._server.start()


class Simulated:
    """The simulated one."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._simulator = simulator
        self.name, self.key = "the simulated upstream", simulator.key
        self.url = simulator.management_url

    def send(self) -> None:
        self._simulator.control("generate", {"events": 1, "spread": 0})

    def counted(self) -> int:
        return _counted()

    def switch_statistics(self, *, on: bool) -> None:
        self._simulator.control("settings", {"statistics": on})

    def restart(self) -> None:
        self._simulator.control("restart", {})


@contextmanager
def soaked_upstream(home: Path, retention: int) -> Iterator[SoakedUpstream]:
    """The upstream, serving."""
    if BINARY:
        with real_server(home, retention) as server:
            yield Real(server)
    else:
        with running_simulator(retention=retention, statistics=True) as simulator:
            yield Simulated(simulator)
