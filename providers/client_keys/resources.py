"""The upstream's list of client keys, and the smallest safe request between two states of it."""

from dataclasses import dataclass

from management_proxy.client import lists as list_client
from management_proxy.client.http import ManagementClient
from providers.funnel.changes import Moved


@dataclass(frozen=True)
class ClientKeyList:
    """`api-keys`, the keys that clients present; a state is a list of texts."""

    name: str = list_client.CLIENT_KEYS
    reloads: bool = True

    def read(self, client: ManagementClient) -> list[str]:
        return list_client.read_client_keys(client)

    def write(self, client: ManagementClient, before: list[str], after: list[str]) -> None:
        added = [key for key in after if key not in before]
        removed = [key for key in before if key not in after]
        kept = [key for key in before if key in after]
        if len(added) == 1 and not removed and after == [*before, *added]:
            list_client.append_client_key(client, added[0])
        elif not added and after == kept and len({key.strip() for key in removed}) == 1:
            list_client.delete_client_key(client, removed[0])
        else:
            if self.read(client) != before:
                raise Moved
            list_client.replace_list(client, self.name, after)


CLIENT_KEY_LIST = ClientKeyList()
