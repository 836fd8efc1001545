"""The credentials that the runtime made of the key lists."""

from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.configuration.entries import Entry, compat_index, entry_index
from management_proxy.simulator.configuration.families import FAMILIES, Family


@dataclass(frozen=True)
class LoadedKey:
    """One credential of the configuration that the runtime uses."""

    index: str
    provider: str
    base_url: str
    api_key: str
    # Upstream name and the alias that clients use.
    models: tuple[tuple[str, str], ...]


def loaded_keys(config: dict[str, Any]) -> list[LoadedKey]:
    """Return every usable credential of the key lists."""
    keys: list[LoadedKey] = []
    for family in FAMILIES.values():
        for entry in config.get(family.route) or []:
            if not entry.get("disabled"):
                keys.extend(_keys_of(family, entry))
    return keys


def _keys_of(family: Family, entry: Entry) -> list[LoadedKey]:
    base_url = entry.get("base-url", "")
    models = tuple(
        (model.get("name", ""), model.get("alias") or model.get("name", ""))
        for model in entry.get("models") or []
    )
    if family.selector != "name":
        return [
            LoadedKey(
                entry_index(family, entry),
                family.provider,
                base_url,
                entry.get("api-key", ""),
                models,
            )
        ]
    name = entry.get("name", "").lower()
    items = entry.get("api-key-entries") or []
    if not items:
        return [LoadedKey(entry_index(family, entry), name, base_url, "", models)]
    return [
        LoadedKey(compat_index(entry, item), name, base_url, item.get("api-key", ""), models)
        for item in items
    ]
