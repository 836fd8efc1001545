"""Key lists of the upstream: read whole, and changed by the smallest request that does it (contract
sections 6.1-6.3).

Every write rewrites the upstream's configuration file and starts a reload, in which it loses writes
that follow too closely (6.5). Only `providers.funnel.writes` calls the writes here, and lets one
through at a time.
"""

from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import Unintelligible
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import CONFIGURATION, WRITE
from management_proxy.client.responses import json_object
from monitoring.texts.recorded import Recorded

_NO_TEXT = Recorded(_("api-keys has an entry that is not text"))
_NO_OBJECT = Recorded(_("%(name)s holds something that is no object"))
_NO_LIST = Recorded(_("the response has no list %(name)s"))

Entry = dict[str, Any]
CLIENT_KEYS = "api-keys"
# Never a key: they are printable and contain no spaces. PATCH appends `new` where `old` is absent
# (6.2).
_ABSENT = "(absent: appends)"


def read_client_keys(client: ManagementClient) -> list[str]:
    """`GET api-keys`, in the upstream's order; empty also where it holds null. Raises
    UpstreamError."""
    keys = _list_of(client, CLIENT_KEYS)
    if not all(isinstance(key, str) for key in keys):
        raise Unintelligible(_NO_TEXT(), 200)
    return keys


def read_entries(client: ManagementClient, route: str) -> list[Entry]:
    """`GET <list>`: every entry with all its fields, known to us or not. Raises UpstreamError."""
    entries = _list_of(client, route)
    if not all(isinstance(entry, dict) for entry in entries):
        raise Unintelligible(_NO_OBJECT(name=route), 200)
    return entries


def _list_of(client: ManagementClient, route: str) -> list[Any]:
    response = json_object(client.call("GET", route, CONFIGURATION).body)
    found = response.get(route)
    if route not in response or not (found is None or isinstance(found, list)):
        raise Unintelligible(_NO_LIST(name=route), 200)
    return found or []


def replace_list(client: ManagementClient, route: str, items: list[Any]) -> None:
    """PUT a whole list. An empty `api-keys` would open the upstream to every client and is refused
    here."""
    if route == CLIENT_KEYS and not items:
        raise ValueError("an empty list of client keys opens the upstream to every client")
    client.call("PUT", route, WRITE, json=items)


def append_client_key(client: ManagementClient, key: str) -> None:
    """Append one key without touching the others; twice appends it twice."""
    client.call("PATCH", CLIENT_KEYS, WRITE, json={"old": _ABSENT, "new": key})


def delete_client_key(client: ManagementClient, key: str) -> None:
    """Remove every occurrence of a key by value; without effect if there is none."""
    client.call("DELETE", CLIENT_KEYS, WRITE, params={"value": key})


def patch_entry(
    client: ManagementClient,
    route: str,
    selector: Entry,
    value: Entry,
    params: dict[str, str] | None = None,
) -> None:
    """PATCH one entry, chosen by `match` or `name`; fields that the route does not patch are
    ignored with a 200."""
    client.call("PATCH", route, WRITE, params=params, json={**selector, "value": value})


def delete_entry(client: ManagementClient, route: str, params: dict[str, str]) -> None:
    """DELETE by `api-key` and `base-url`, or by `name`; never by index, which a foreign change
    moves."""
    client.call("DELETE", route, WRITE, params=params)
