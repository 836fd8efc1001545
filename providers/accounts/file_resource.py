"""Some auth files as one resource of the funnel, so that many changes share a reading.

The state is `{name: {"listed": entry or None, "content": object or None}}`. The content carries
tokens and is never shown; it is read only of files whose changes need it, and the list only if a
change needs an entry. What to send follows from the difference of two states, one request a file
but for new files, which go together: the upstream has no transaction over several. One that fails
does not keep the others back, and what was done is found by reading again. Nothing here rewrites
the configuration, so no reload has to pass.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import Broken, NotFound, NotReached, Refused
from management_proxy.client.http import ManagementClient
from providers.funnel.changes import State

ABSENT: dict[str, Any] = {"listed": None, "content": None}
# Names that are the same in the header of a part as in an address.
_PLAIN = re.compile(r"[\w@.+=-]+\Z", re.ASCII)
_LARGEST_TOGETHER = 4 * 1024 * 1024
_READ_AT_ONCE = 8
_Request = Callable[[], None]


@dataclass(frozen=True)
class AuthFiles:
    """The files of these names, those of them whose content matters, and whether the list does."""

    names: tuple[str, ...]
    with_content: frozenset[str]
    with_listed: bool
    name: str = "auth-files"
    reloads: bool = False

    def read(self, client: ManagementClient) -> State:
        listed, contents = self._listed(client), self._contents(client)
        return {
            name: {"listed": listed.get(name), "content": contents.get(name)} for name in self.names
        }

    def _listed(self, client: ManagementClient) -> dict[Any, dict[str, Any]]:
        """The entries by their ids and names; of a thousand accounts the list is megabytes."""
        if not self.with_listed:
            return {}
        alone = self.names[0] if len(self.names) == 1 else ""
        entries = auth_file_client.list_auth_files(client, alone)
        return {entry.get(key): entry for key in ("id", "name") for entry in entries}

    def _contents(self, client: ManagementClient) -> dict[str, dict[str, Any] | None]:
        """The content of each file for which it matters, several read at a time after the first,
        which shows whether the upstream may be called at all."""
        names = [name for name in self.names if name in self.with_content]
        contents = {name: auth_file_client.auth_file_content(client, name) for name in names[:1]}
        if others := names[1:]:
            with ThreadPoolExecutor(_READ_AT_ONCE, "auth files") as threads:
                found = threads.map(partial(_content, client), others)
                contents |= zip(others, found, strict=True)
        return contents

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        requests = list(_requests(client, before, after))
        refusals = list[Refused]()
        for sent, request in enumerate(requests):
            try:
                request()
            except NotReached as error:
                raise Broken(f"not all was sent: {error}") if sent else error from error
            except Refused as error:
                refusals.append(error)
        if refusals:
            first = refusals[0]
            raise first if len(requests) == 1 else Refused(str(first), first.status)


def _content(client: ManagementClient, name: str) -> dict[str, Any] | None:
    try:
        return auth_file_client.auth_file_content(client, name)
    finally:
        connection.close()  # of this thread, if a block of the upstream had to be recorded


def _requests(client: ManagementClient, before: State, after: State) -> Iterator[_Request]:
    new = {
        name: wanted["raw"]
        for name, wanted in after.items()
        if wanted != before[name] and "raw" in wanted
    }
    yield from _uploads(client, new)
    for name, wanted in after.items():
        if name not in new and wanted != before[name]:
            yield from _of_one(client, name, before[name], wanted)


def _uploads(client: ManagementClient, new: dict[str, bytes]) -> Iterator[_Request]:
    group: dict[str, bytes] = {}
    for name, raw in new.items():
        if not _PLAIN.match(name):
            yield partial(auth_file_client.upload_auth_file, client, name, raw)
            continue
        if group and sum(map(len, group.values())) + len(raw) > _LARGEST_TOGETHER:
            yield partial(_upload, client, group)
            group = {}
        group[name] = raw
    if group:
        yield partial(_upload, client, group)


def _upload(client: ManagementClient, files: dict[str, bytes]) -> None:
    if len(files) > 1:
        auth_file_client.upload_auth_files(client, files)
        return
    ((name, raw),) = files.items()
    auth_file_client.upload_auth_file(client, name, raw)


def _of_one(
    client: ManagementClient, name: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[_Request]:
    if after == ABSENT:
        yield partial(_delete, client, name)
        return
    was, wanted = before["listed"] or {}, after["listed"] or {}
    if was.get("disabled") != (disabled := wanted.get("disabled")) and disabled is not None:
        yield partial(auth_file_client.set_auth_file_disabled, client, name, disabled=disabled)
    old, new = before["content"] or {}, after["content"] or {}
    if fields := {field: value for field, value in new.items() if old.get(field) != value}:
        yield partial(auth_file_client.set_auth_file_fields, client, name, fields)


def _delete(client: ManagementClient, name: str) -> None:
    try:
        auth_file_client.delete_auth_file(client, name)
    except NotFound:
        return
