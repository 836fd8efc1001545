"""Changes of one auth file: upload, switch, fields, delete. Pure but for our half of them, the
`Account` row.

A file's state is `{"listed": entry or None, "content": object or None}`. The content carries tokens
and is never shown. Nothing here rewrites the configuration, so no reload has to pass.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import NotFound
from management_proxy.client.http import ManagementClient
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, State, registered
from providers.models import Intent
from providers.models.accounts import Account

# What people may set, under the name that the file has for it; anything else in the file stays.
FIELDS = ("note", "priority", "weight", "prefix", "proxy_url")


@dataclass(frozen=True)
class AuthFileResource:
    """One auth file, by name."""

    file_name: str
    reloads: bool = False

    @property
    def name(self) -> str:
        return f"auth-file:{self.file_name}"[:200]

    def read(self, client: ManagementClient) -> State:
        listed = auth_file_client.list_auth_files(client, self.file_name)
        return {
            "listed": listed[0] if listed else None,
            "content": auth_file_client.auth_file_content(client, self.file_name),
        }

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        raise NotImplementedError("each change of an auth file has a request of its own")


class _OneFile(Change, frozen=True, kw_only=True):
    joins = False
    name: str

    @property
    def resource(self) -> AuthFileResource:
        return AuthFileResource(self.name)

    @property
    def subject(self) -> str:
        return "file"

    def shown(self, state: State) -> Any:
        if state["listed"] is None and state["content"] is None:
            return None
        content, listed = state["content"] or {}, state["listed"] or {}
        return {
            "disabled": listed.get("disabled"),
            **{field: content[field] for field in FIELDS if content.get(field) not in (None, "")},
        }


def _existing(state: State) -> State:
    if state["content"] is None and state["listed"] is None:
        raise ChangeRefused("The upstream has no such account any more.", "", "NOT_FOUND")
    return state


@registered
class UploadAuthFile(_OneFile, frozen=True, kw_only=True):
    """Write a file that is not there; never over another."""

    kind = "account.uploaded"
    content: bytes
    provider: str
    label: str
    owner_id: int | None

    @property
    def title(self) -> str:
        return f"Upload account {self.label or self.name}"

    def next(self, state: State) -> State:
        if self.holds(state):
            return state
        if state["listed"] is not None or state["content"] is not None:
            raise ChangeRefused(
                "A file of that name exists upstream; rename yours, or delete the other first.",
                "file",
                "ALREADY_EXISTS",
            )
        return {"listed": {}, "content": json.loads(self.content)}

    def holds(self, state: State) -> bool:
        # The upstream may add to what it stores, such as its switch.
        wanted = json.loads(self.content)
        return state["content"] is not None and all(
            state["content"].get(name) == value for name, value in wanted.items()
        )

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        auth_file_client.upload_auth_file(client, self.name, self.content)

    def confirmed(self, intent: Intent) -> None:
        values = {
            "provider": self.provider,
            "label": self.label,
            "owner_id": self.owner_id,
            "origin": Account.Origin.UPLOAD,
            "since": timezone.now(),
        }
        Account.objects.update_or_create(
            upstream_id=intent.upstream_id, name=self.name, defaults=values
        )


@registered
class SwitchAccount(_OneFile, frozen=True, kw_only=True):
    """Enable or disable an account."""

    kind = "account.switched"
    disabled: bool

    @property
    def title(self) -> str:
        return f"{'Disable' if self.disabled else 'Enable'} account {self.name}"

    def next(self, state: State) -> State:
        return {
            **_existing(state),
            "listed": {**(state["listed"] or {}), "disabled": self.disabled},
        }

    def holds(self, state: State) -> bool:
        return (
            state["listed"] is not None
            and (state["listed"].get("disabled") is True) == self.disabled
        )

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        auth_file_client.set_auth_file_disabled(client, self.name, disabled=self.disabled)


@registered
class SetAccountFields(_OneFile, frozen=True, kw_only=True):
    """Set note, priority, weight, prefix or proxy; None clears one."""

    kind = "account.edited"
    fields: dict[str, str | int | None]

    @property
    def title(self) -> str:
        return f"Change {', '.join(self.fields)} of account {self.name}"

    def next(self, state: State) -> State:
        return {
            **_existing(state),
            "content": {
                **(state["content"] or {}),
                **{name: self._sent(name) for name in self.fields},
            },
        }

    def _sent(self, name: str) -> str | int | None:
        # Only a weight is removed by null; elsewhere a null would be stored (contract 5.7).
        value = self.fields[name]
        cleared = {"priority": 0, "weight": None}.get(name, "")
        return cleared if value is None else value

    def _amiss(self, content: dict[str, Any]) -> list[str]:
        """Names of the fields that are not as requested; only of a weight is 0 a value."""
        return [
            name
            for name, value in self.fields.items()
            if (
                content.get(name) != value
                if name == "weight"
                else (content.get(name) or None) != (value or None)
            )
        ]

    def holds(self, state: State) -> bool:
        return state["content"] is not None and not self._amiss(state["content"])

    def partly(self, state: State) -> str:
        # Older upstreams know fewer fields.
        return ", ".join(self._amiss(state["content"])) if state["content"] is not None else ""

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        auth_file_client.set_auth_file_fields(
            client, self.name, {name: self._sent(name) for name in self.fields}
        )


@registered
class DeleteAccount(_OneFile, frozen=True, kw_only=True):
    """Delete a file; a second time changes nothing."""

    kind = "account.deleted"

    @property
    def title(self) -> str:
        return f"Delete account {self.name}"

    def next(self, state: State) -> State:
        return {"listed": None, "content": None}

    def holds(self, state: State) -> bool:
        return state["listed"] is None and state["content"] is None

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        try:
            auth_file_client.delete_auth_file(client, self.name)
        except NotFound:
            return

    def confirmed(self, intent: Intent) -> None:
        Account.objects.filter(upstream_id=intent.upstream_id, name=self.name).delete()
