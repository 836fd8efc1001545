"""`/config` and `/config.yaml` (contract 8.1 to 8.3)."""

from collections.abc import Callable
from typing import Any

from management_proxy.simulator.configuration.defaults import HIDDEN_KEYS
from management_proxy.simulator.configuration.entries import shown
from management_proxy.simulator.configuration.families import FAMILIES
from management_proxy.simulator.configuration.store import ConfigStore
from management_proxy.simulator.configuration.types import InvalidYaml
from management_proxy.simulator.configuration.yaml_text import InvalidConfig
from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import Request, Response, error, respond


class ConfigRoutes:
    """The configuration as a whole."""

    def __init__(self, store: ConfigStore, on_replaced: Callable[[], None]) -> None:
        self.store = store
        self.on_replaced = on_replaced

    def routes(self) -> Routes:
        return {
            ("GET", "config"): self.read,
            ("GET", "config.yaml"): self.read_file,
            ("PUT", "config.yaml"): self.replace_file,
        }

    def read(self, _request: Request) -> Response:
        values = self.store.memory
        return respond(
            {
                key: self._shown(key, value)
                for key, value in values.items()
                if key not in HIDDEN_KEYS
            }
        )

    @staticmethod
    def _shown(key: str, value: Any) -> Any:
        family = FAMILIES.get(key)
        if family is None or value is None:
            return value
        return [shown(family, entry, frozenset(), indexed=False) for entry in value]

    def read_file(self, _request: Request) -> Response:
        headers = [
            ("Cache-Control", "no-store"),
            ("Content-Type", "application/yaml; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        return Response(200, self.store.text.encode(), headers)

    def replace_file(self, request: Request) -> Response:
        try:
            self.store.replace(request.body.decode())
        except (InvalidYaml, UnicodeDecodeError) as problem:
            return error(400, "invalid_yaml", message=str(problem))
        except InvalidConfig as problem:
            return error(422, "invalid_config", message=str(problem))
        self.on_replaced()
        return respond({"changed": ["config"], "ok": True})
