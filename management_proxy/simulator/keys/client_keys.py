"""`api-keys`: the keys that clients of the proxy use (contract 6.2)."""

from typing import Any

from management_proxy.simulator.configuration.store import ConfigStore
from management_proxy.simulator.http.routing import Refusal, Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    leading_int,
    member,
    ok,
    read_object,
    respond,
)
from management_proxy.simulator.keys.provider_keys import read_items


def _keys(values: dict[str, Any]) -> list[str]:
    return list(values.get("api-keys") or [])


class ClientKeyRoutes:
    """The list of client keys over the configuration."""

    def __init__(self, store: ConfigStore) -> None:
        self.store = store

    def routes(self) -> Routes:
        return {
            ("GET", "api-keys"): self.read,
            ("PUT", "api-keys"): self.replace,
            ("PATCH", "api-keys"): self.patch,
            ("DELETE", "api-keys"): self.delete,
        }

    def read(self, _request: Request) -> Response:
        return respond({"api-keys": self.store.memory.get("api-keys")})

    def replace(self, request: Request) -> Response:
        items = ["" if item is None else item for item in read_items(request.body)]
        if not all(isinstance(item, str) for item in items):
            raise BadBody("not texts")
        self.store.write(lambda values: values.update({"api-keys": items or None}))
        return ok()

    def patch(self, request: Request) -> Response:
        body = read_object(request.body)
        index, value = member(body, "index"), member(body, "value")
        old, new = member(body, "old"), member(body, "new")
        _check_types(index, [value, old, new])

        def change(values: dict[str, Any]) -> None:
            keys = _keys(values)
            if index is not None and value is not None and 0 <= index < len(keys):
                keys[index] = value
            elif old is None or new is None:
                raise Refusal(error(400, "missing fields"))
            elif old in keys:
                keys[keys.index(old)] = new
            else:
                # The real server appends here, so that a repeated request doubles the key.
                keys.append(new)
            values["api-keys"] = keys

        self.store.write(change)
        return ok()

    def delete(self, request: Request) -> Response:
        def change(values: dict[str, Any]) -> None:
            keys = _keys(values)
            index = leading_int(request.first("index"))
            value = request.first("value").strip()
            if index is not None and 0 <= index < len(keys):
                del keys[index]
            elif value:
                keys = [key for key in keys if key.strip() != value]
            else:
                raise Refusal(error(400, "missing index or value"))
            values["api-keys"] = keys or None

        self.store.write(change)
        return ok()


def _check_types(index: Any, texts: list[Any]) -> None:
    if index is not None and (isinstance(index, bool) or not isinstance(index, int)):
        raise BadBody("index")
    if any(text is not None and not isinstance(text, str) for text in texts):
        raise BadBody("not a text")
