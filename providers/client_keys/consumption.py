"""What client keys have used, as reported by the app that stores usage; this app may not import it,
so it registers itself here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Consumption:
    """Of one client key: requests and tokens of the present calendar month, and when it was used
    last."""

    requests: int = 0
    tokens: int = 0
    last_used_at: datetime | None = None


# Called with ids of client keys; those without usage may be missing in the result.
Source = Callable[[Collection[int]], dict[int, Consumption]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Use this one from now on."""
    _sources[:] = [source]


def consumption_of(client_key_ids: Collection[int]) -> dict[int, Consumption]:
    """Consumption of each of these keys; nothing used where nothing is known."""
    known = _sources[0](client_key_ids) if _sources and client_key_ids else {}
    return {key_id: known.get(key_id, Consumption()) for key_id in client_key_ids}
