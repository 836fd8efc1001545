"""The `oauth-*` maps by provider or channel, including how a PUT of the wrong shape clears them
(contract 6.4)."""

from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.configuration.store import ConfigStore
from management_proxy.simulator.http.routing import Refusal, Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    has_member,
    member,
    ok,
    read_json,
    read_object,
    respond,
)


@dataclass(frozen=True)
class MapKind:
    """One map: its route, what it is keyed by, and what its lists hold."""

    route: str
    key: str
    items: str
    element: type

    @property
    def selectors(self) -> tuple[str, ...]:
        return ("provider",) if self.key == "provider" else ("channel", "provider")


KINDS = (
    MapKind("oauth-excluded-models", "provider", "models", str),
    MapKind("oauth-model-alias", "channel", "aliases", dict),
    MapKind("oauth-request-scoped-errors", "channel", "rules", dict),
)


class MapRoutes:
    """One map over the configuration."""

    def __init__(self, kind: MapKind, store: ConfigStore) -> None:
        self.kind = kind
        self.store = store

    def routes(self) -> Routes:
        path = self.kind.route
        return {
            ("GET", path): self.read,
            ("PUT", path): self.replace,
            ("PATCH", path): self.patch,
            ("DELETE", path): self.delete,
        }

    def read(self, _request: Request) -> Response:
        return respond({self.kind.route: self.store.memory.get(self.kind.route) or None})

    def replace(self, request: Request) -> Response:
        value = read_json(request.body, trailing=False)
        if value is not None and not isinstance(value, dict):
            raise BadBody("not an object")
        # A map of the wrong shape is taken for one whose `items` are missing, and clears the
        # setting.
        kept = self._map(value) or self._map(member(value or {}, "items")) or {}
        self._store(kept)
        return ok()

    def _map(self, value: Any) -> dict[str, list[Any]] | None:
        if not isinstance(value, dict):
            return None
        lists = list(value.values())
        if not all(isinstance(items, list) and self._fits(items) for items in lists):
            return None
        return {
            name.strip().lower(): self._normalised(items)
            for name, items in value.items()
            if name.strip()
        }

    def _fits(self, items: list[Any]) -> bool:
        return all(isinstance(item, self.kind.element) for item in items)

    def _normalised(self, items: list[Any]) -> list[Any]:
        if self.kind.element is str:
            return list(dict.fromkeys(item.strip().lower() for item in items if item.strip()))
        return items

    def _store(self, kept: dict[str, list[Any]]) -> None:
        def change(values: dict[str, Any]) -> None:
            values.pop(self.kind.route, None)
            if kept:
                values[self.kind.route] = kept

        self.store.write(change)

    def patch(self, request: Request) -> Response:
        body = read_object(request.body)
        name = self._selected(body)
        items = member(body, self.kind.items)
        if not isinstance(items, list) and has_member(body, self.kind.items) and items is not None:
            raise BadBody("items")
        if not self._fits(items or []):
            raise BadBody("element")
        if not name:
            raise Refusal(error(400, f"invalid {self.kind.key}"))
        if not items:
            return self._remove(name)
        current = dict(self.store.memory.get(self.kind.route) or {})
        self._store({**current, name: self._normalised(items)})
        return ok()

    def _selected(self, body: dict[str, Any]) -> str:
        for selector in self.kind.selectors:
            found = member(body, selector)
            if isinstance(found, str) and found.strip():
                return found.strip().lower()
        return ""

    def delete(self, request: Request) -> Response:
        names = [request.first(selector).strip().lower() for selector in self.kind.selectors]
        name = next((one for one in names if one), "")
        if not name:
            raise Refusal(error(400, f"missing {self.kind.key}"))
        return self._remove(name)

    def _remove(self, name: str) -> Response:
        current = dict(self.store.memory.get(self.kind.route) or {})
        if name not in current:
            raise Refusal(error(404, f"{self.kind.key} not found"))
        del current[name]
        self._store(current)
        return ok()
