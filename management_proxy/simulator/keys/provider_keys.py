"""The routes of one provider key list: GET, PUT, PATCH, DELETE (contract 6.1 and 6.3)."""

from collections.abc import Callable
from typing import Any

from management_proxy.simulator.configuration.entries import (
    HEAVIEST,
    Entry,
    TooHeavy,
    allowed_fingerprint,
    is_dropped,
    normalised,
    read_field,
    shown,
    unique,
)
from management_proxy.simulator.configuration.families import Family
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
    read_json,
    read_object,
    respond,
)

TOO_HEAVY = f"weight must not exceed {HEAVIEST}"
# An explicit null removes these; other fields take no notice of it.
CLEARABLE = frozenset({"weight", "disable-cooling"})


def read_items(body: bytes) -> list[Any]:
    """Return a bare array, `{"items": [...]}` or nothing for null."""
    value = read_json(body, trailing=False)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    items = member(value, "items") if isinstance(value, dict) else None
    if not isinstance(items, list) or not items:
        raise BadBody("no items")
    return items


class KeyListRoutes:
    """One key list over the configuration."""

    def __init__(
        self, family: Family, store: ConfigStore, loaded: Callable[[], frozenset[str]]
    ) -> None:
        self.family = family
        self.store = store
        self.loaded = loaded

    def routes(self) -> Routes:
        path = self.family.route
        return {
            ("GET", path): self.read,
            ("PUT", path): self.replace,
            ("PATCH", path): self.patch,
            ("DELETE", path): self.delete,
        }

    def _entries(self, values: dict[str, Any]) -> list[Entry]:
        return list(values.get(self.family.route) or [])

    def read(self, _request: Request) -> Response:
        loaded = self.loaded()
        entries = self._entries(self.store.memory)
        return respond(
            {self.family.route: [shown(self.family, entry, loaded) for entry in entries]}
        )

    def replace(self, request: Request) -> Response:
        items = read_items(request.body)

        def change(values: dict[str, Any]) -> None:
            values[self.family.route] = self._checked(items, self._entries(values))

        self.store.write(change)
        return ok()

    def _checked(self, items: list[Any], known: list[Entry]) -> list[Entry]:
        for position, item in enumerate(items):
            place = f"{self.family.route}[{position}]"
            self._check_item(item, place)
        return normalised(self.family, items, known)

    def _check_item(self, item: Any, place: str) -> None:
        if not isinstance(item, dict):
            raise BadBody("not an object")
        weights = [
            member(item, "weight"),
            *(e.get("weight") for e in _dicts(member(item, "api-key-entries"))),
        ]
        if any(isinstance(weight, int) and weight > HEAVIEST for weight in weights):
            raise Refusal(error(400, f"{place}.weight: {TOO_HEAVY}"))
        if self.family.route == "vertex-api-key" and not str(member(item, "api-key", "")).strip():
            raise Refusal(error(400, f"{place}.api-key is required"))
        profile = member(item, "fingerprint-profile")
        if (
            self.family.route == "claude-api-key"
            and isinstance(profile, str)
            and not allowed_fingerprint(profile)
        ):
            raise Refusal(error(400, f"{place}.fingerprint-profile: unknown profile"))

    def patch(self, request: Request) -> Response:
        body = read_object(request.body)
        value = member(body, "value")
        if not isinstance(value, dict):
            raise BadBody("value")
        partial = self._partial(value)

        def change(values: dict[str, Any]) -> None:
            entries = self._entries(values)
            target = self._target(entries, body, request)
            entries[target] = _merged(entries[target], partial)
            if self._is_gone(entries[target], partial):
                del entries[target]
            values[self.family.route] = unique(self.family, entries)

        self.store.write(change)
        return ok()

    def _partial(self, value: dict[str, Any]) -> Entry:
        partial: Entry = {}
        for key, raw in value.items():
            name = key.lower()
            if name not in self.family.patchable or (raw is None and name not in CLEARABLE):
                continue
            partial[name] = None if raw is None else self._field(name, raw)
        return partial

    @staticmethod
    def _field(name: str, raw: Any) -> Any:
        if name == "disable-cooling" and not isinstance(raw, bool):
            raise Refusal(error(400, "disable-cooling must be a boolean or null"))
        try:
            return read_field(name, raw)
        except TooHeavy as problem:
            raise Refusal(error(400, TOO_HEAVY)) from problem

    def _target(self, entries: list[Entry], body: dict[str, Any], request: Request) -> int:
        index = member(body, "index")
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(entries):
            return index
        wanted = member(body, self.family.selector)
        matches = [
            at
            for at, entry in enumerate(entries)
            if wanted and entry.get(self.family.identity) == wanted
        ]
        if self.family.strict_delete and "base-url" in request.query:
            matches = [
                at
                for at in matches
                if entries[at].get("base-url", "") == request.first("base-url").strip()
            ]
        if not matches:
            raise Refusal(error(404, "item not found"))
        if self.family.strict_delete and len(matches) > 1:
            raise Refusal(error(400, "multiple items match; index is required"))
        return matches[0]

    def _is_gone(self, entry: Entry, partial: Entry) -> bool:
        """Whether the change emptied what the entry cannot be without."""
        if self.family.needs_base_url:
            return partial.get("base-url") == ""
        if self.family.route == "vertex-api-key":
            return partial.get("api-key") == ""
        return is_dropped(self.family, entry)

    def delete(self, request: Request) -> Response:
        def change(values: dict[str, Any]) -> None:
            entries = self._entries(values)
            doomed = self._doomed(entries, request)
            values[self.family.route] = [
                entry for at, entry in enumerate(entries) if at not in doomed
            ]

        self.store.write(change)
        return ok()

    def _doomed(self, entries: list[Entry], request: Request) -> set[int]:
        key = request.first(self.family.identity).strip()
        if key:
            return self._by_key(entries, key, request)
        index = leading_int(request.first("index"))
        if index is not None and 0 <= index < len(entries):
            return {index}
        raise Refusal(error(400, f"missing {self.family.identity} or index"))

    def _by_key(self, entries: list[Entry], key: str, request: Request) -> set[int]:
        matches = [
            at for at, entry in enumerate(entries) if entry.get(self.family.identity, "") == key
        ]
        if self.family.selector == "name":
            return set(matches)
        if "base-url" in request.query:
            wanted = request.first("base-url").strip()
            matches = [at for at in matches if entries[at].get("base-url", "") == wanted]
        elif len(matches) > 1:
            raise Refusal(error(400, "multiple items match api-key; base-url is required"))
        if self.family.strict_delete and not matches:
            raise Refusal(error(404, "item not found"))
        if self.family.strict_delete and len(matches) > 1:
            raise Refusal(error(400, "multiple items match; index is required"))
        return set(matches)


def _merged(entry: Entry, partial: Entry) -> Entry:
    merged = {**entry, **partial}
    return {name: value for name, value in merged.items() if value is not None or name == "models"}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
