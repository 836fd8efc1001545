"""The simple settings, each with a route of its own (contract 8.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.configuration.store import ConfigStore
from management_proxy.simulator.http.routing import Refusal, Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    member,
    ok,
    read_object,
    respond,
)

STRATEGIES = {
    "": "round-robin",
    "round-robin": "round-robin",
    "roundrobin": "round-robin",
    "rr": "round-robin",
    "weighted-round-robin": "weighted-round-robin",
    "wrr": "weighted-round-robin",
    "fill-first": "fill-first",
    "ff": "fill-first",
}


def _strategy(value: str) -> str:
    strategy = STRATEGIES.get(value.strip().lower())
    if strategy is None:
        raise Refusal(error(400, "invalid strategy"))
    return strategy


@dataclass(frozen=True)
class Toggle:
    """One setting: its path, its type, what it shows when unset and what becomes of a written
    value."""

    path: str
    kind: type
    unset: Any = None
    clean: Callable[[Any], Any] = lambda value: value

    @property
    def place(self) -> list[str]:
        return self.path.split("/")


TOGGLES = (
    *(
        Toggle(name, bool)
        for name in ("debug", "logging-to-file", "usage-statistics-enabled", "request-log")
    ),
    *(Toggle(name, bool) for name in ("ws-auth", "force-model-prefix")),
    *(
        Toggle(name, int)
        for name in ("request-retry", "max-retry-credentials", "max-retry-interval")
    ),
    Toggle("logs-max-total-size-mb", int, clean=lambda value: max(value, 0)),
    Toggle("error-logs-max-files", int, clean=lambda value: value if value >= 0 else 10),
    Toggle("proxy-url", str),
    Toggle("quota-exceeded/switch-project", bool),
    Toggle("quota-exceeded/switch-preview-model", bool),
    Toggle("routing/strategy", str, unset="round-robin", clean=_strategy),
)


class ToggleRoutes:
    """One setting over the configuration."""

    def __init__(self, toggle: Toggle, store: ConfigStore) -> None:
        self.toggle = toggle
        self.store = store

    def routes(self) -> Routes:
        path = self.toggle.path
        routes: Routes = {
            ("GET", path): self.read,
            ("PUT", path): self.write,
            ("PATCH", path): self.write,
        }
        if path == "proxy-url":
            routes["DELETE", path] = self.clear
        return routes

    def read(self, _request: Request) -> Response:
        value: Any = self.store.memory
        for part in self.toggle.place:
            value = value.get(part, self.toggle.unset) if isinstance(value, dict) else value
        return respond({self.toggle.place[-1]: value})

    def write(self, request: Request) -> Response:
        value = member(read_object(request.body), "value")
        if not isinstance(value, self.toggle.kind) or (
            self.toggle.kind is int and isinstance(value, bool)
        ):
            raise BadBody("value")
        return self._set(self.toggle.clean(value))

    def clear(self, _request: Request) -> Response:
        return self._set("")

    def _set(self, value: Any) -> Response:
        def change(values: dict[str, Any]) -> None:
            *groups, name = self.toggle.place
            place = values
            for group in groups:
                place = place[group]
            place[name] = value

        self.store.write(change)
        return ok()
