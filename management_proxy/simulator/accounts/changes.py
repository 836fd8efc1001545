"""Changes to single fields of an auth file, and the operator's switch (contract 5.6 and 5.7)."""

from typing import Any

from management_proxy.simulator.accounts.files import AuthDirectory, AuthFile
from management_proxy.simulator.configuration.entries import HEAVIEST, credential_id
from management_proxy.simulator.configuration.families import FAMILIES
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

HYPHENATED = frozenset(
    {
        "proxy-url",
        "excluded-models",
        "disable-cooling",
        "request-retry",
        "base-url",
        "api-key",
        "model-aliases",
        "fingerprint-profile",
        "request-scoped-errors",
        "tool-prefix-disabled",
    }
)
WHOLE_NUMBERS = ("weight", "request_retry")
MISSING_FILE = "auth file not found"


def _body(request: Request) -> dict[str, Any]:
    try:
        return read_object(request.body)
    except BadBody as problem:
        raise Refusal(error(400, "invalid request body")) from problem


def _name(body: dict[str, Any]) -> str:
    name = member(body, "name", "")
    if not isinstance(name, str):
        raise Refusal(error(400, "invalid request body"))
    if not name.strip():
        raise Refusal(error(400, "name is required"))
    return name.strip()


class AuthFileChangeRoutes:
    """PATCH of an auth file's status and fields."""

    def __init__(self, directory: AuthDirectory, store: ConfigStore) -> None:
        self.directory = directory
        self.store = store

    def routes(self) -> Routes:
        return {
            ("PATCH", "auth-files/status"): self.status,
            ("PATCH", "auth-files/fields"): self.fields,
        }

    def status(self, request: Request) -> Response:
        body = _body(request)
        disabled = member(body, "disabled")
        if disabled is not None and not isinstance(disabled, bool):
            return error(400, "invalid request body")
        name = _name(body)
        if disabled is None:
            return error(400, "disabled is required")
        if ":apikey:" in name:
            return self._switch_key(name, disabled=disabled)
        with self.directory.lock:
            file = self._file(name, member(body, "auth_index"))
            self.directory.rewrite(file, {**file.content, "disabled": disabled})
        return respond({"disabled": disabled, "status": "ok"})

    def _file(self, name: str, index: Any = None) -> AuthFile:
        file = self.directory.find(name)
        if file is None or (index and self.directory.index(file) != index):
            raise Refusal(error(404, MISSING_FILE))
        return file

    def _switch_key(self, wanted: str, *, disabled: bool) -> Response:
        """Disable a key of the configuration in the one way there is: exclude all its models."""

        def change(values: dict[str, Any]) -> None:
            for family in FAMILIES.values():
                for entry in values.get(family.route) or []:
                    if "name" not in family.fields and credential_id(family, entry) == wanted:
                        others = [
                            pattern
                            for pattern in entry.get("excluded-models") or []
                            if pattern != "*"
                        ]
                        entry["excluded-models"] = [*others, "*"] if disabled else others
                        return
            raise Refusal(error(404, "config api key entry not found"))

        self.store.write(change, synchronous=True)
        changed = {
            "disabled": disabled,
            "excluded_pattern": "*",
            "status": "ok",
            "via": "config:excluded-models",
        }
        return respond(changed)

    def fields(self, request: Request) -> Response:
        body = _body(request)
        name = _name(body)
        wanted = _canonical({key: value for key, value in body.items() if key.lower() != "name"})
        if not wanted:
            return error(400, "no fields to update")
        with self.directory.lock:
            file = self._file(name)
            content = dict(file.content)
            for field, value in wanted.items():
                _set(content, field, value)
            self.directory.rewrite(file, content)
        return ok()


def _canonical(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields under their own names; two spellings of equal rank are refused."""
    result: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for field, value in fields.items():
        if not field.strip():
            raise Refusal(error(400, "field name is required"))
        name = field.replace("-", "_") if field in HYPHENATED else field
        before = origin.get(name)
        if before is not None and (before == name) == (field == name):
            raise Refusal(
                error(400, f'auth file fields "{before}" and "{field}" refer to the same field')
            )
        if before is None or field == name:
            result[name], origin[name] = value, field
    return result


def _set(content: dict[str, Any], field: str, value: Any) -> None:
    head, *rest = field.split(".")
    if head in WHOLE_NUMBERS:
        _set_number(content, head, value, nested=bool(rest))
    elif field == "headers" and isinstance(value, dict):
        merged = {**content.get("headers", {}), **value}
        content["headers"] = {name: item for name, item in merged.items() if item != ""}
    elif rest:
        _set_nested(content, field, value)
    else:
        content[field] = value


def _set_number(content: dict[str, Any], name: str, value: Any, *, nested: bool) -> None:
    if nested:
        raise Refusal(error(400, f"{name} does not support nested fields"))
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not is_number:
        suffix = " or null" if name == "request_retry" else ""
        raise Refusal(error(400, f"{name} must be an integer{suffix}"))
    if name == "weight" and is_number and value > HEAVIEST:
        raise Refusal(error(400, f"weight must not exceed {HEAVIEST}"))
    if value is None or (name == "request_retry" and value < 0):
        content.pop(name, None)
    else:
        content[name] = value


def _set_nested(content: dict[str, Any], field: str, value: Any) -> None:
    *groups, last = field.split(".")
    if not all(groups) or not last:
        raise Refusal(error(400, f"invalid field path: {field}"))
    place = content
    for group in groups:
        inner = place.get(group)
        place[group] = dict(inner) if isinstance(inner, dict) else {}
        place = place[group]
    place[last] = value
