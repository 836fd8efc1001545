"""Changes of one auth file: upload, switch, fields, delete. Pure but for our half of them, the
`Account` row.

Changes of different files share a write (providers/accounts/file_resource.py).
"""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.accounts.file_resource import ABSENT, AuthFiles
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, State, registered
from providers.models import Intent
from providers.models.accounts import Account

# What people may set, under the name that the file has for it; anything else in the file stays.
FIELDS = ("note", "priority", "weight", "prefix", "proxy_url")
_UPLOAD = Recorded(_("Upload account %(account)s"))
_ENABLE = Recorded(_("Enable account %(account)s"))
_DISABLE = Recorded(_("Disable account %(account)s"))
_CHANGE = Recorded(_("Change %(fields)s of account %(account)s"))
_DELETE = Recorded(_("Delete account %(account)s"))
_GONE = Recorded(_("The upstream has no such account any more."))
_EXISTS = Recorded(
    _("A file of that name exists upstream; rename yours, or delete the other first.")
)


class _OneFile(Change, frozen=True, kw_only=True):
    # Whether the file's entry in the list matters, whether its content does.
    needs_listed: ClassVar[bool] = True
    needs_content: ClassVar[bool] = True
    name: str

    @property
    def resource(self) -> AuthFiles:
        return _files_of([self])

    def resource_with(self, others: Iterable[Change]) -> AuthFiles:
        return _files_of(other for other in others if isinstance(other, _OneFile))

    @property
    def subject(self) -> str:
        return f"file:{hashlib.sha256(self.name.encode()).hexdigest()[:32]}"

    def next(self, state: State) -> State:
        return {**state, self.name: self.next_file(state[self.name])}

    def holds(self, state: State) -> bool:
        return self.is_in(state[self.name])

    @abstractmethod
    def next_file(self, file: State) -> State:
        """The file's state after it. Raises ChangeRefused."""

    @abstractmethod
    def is_in(self, file: State) -> bool:
        """Whether the file is as requested."""

    def shown(self, state: State) -> Any:
        file = state[self.name]
        if file == ABSENT:
            return None
        content = file["content"] or {}
        switch = content if file["listed"] is None else file["listed"]
        return {
            "disabled": switch.get("disabled") is True,
            **{field: content[field] for field in FIELDS if content.get(field) not in (None, "")},
        }


def _files_of(changes: Iterable[_OneFile]) -> AuthFiles:
    known = list(changes)
    return AuthFiles(
        tuple(change.name for change in known),
        frozenset(change.name for change in known if change.needs_content),
        any(change.needs_listed for change in known),
    )


def _existing(file: State) -> State:
    if file == ABSENT:
        raise ChangeRefused(_GONE(), "", "NOT_FOUND")
    return file


@registered
class UploadAuthFile(_OneFile, frozen=True, kw_only=True):
    """Write a file that is not there; over another only if it is to replace it."""

    kind = "account.uploaded"
    # A file that is there can be read, listed yet or not.
    needs_listed = False
    content: bytes
    provider: str
    label: str
    owner_id: int | None
    replaces: bool = False

    @property
    def title(self) -> str:
        return _UPLOAD(account=self.label or self.name)

    def next_file(self, file: State) -> State:
        if self.is_in(file):
            return file
        if not self.replaces and (file["listed"] is not None or file["content"] is not None):
            raise ChangeRefused(
                _EXISTS(),
                "file",
                "ALREADY_EXISTS",
            )
        return {"listed": {}, "content": json.loads(self.content), "raw": self.content}

    def is_in(self, file: State) -> bool:
        # The upstream may add to what it stores, such as its switch.
        wanted = json.loads(self.content)
        return file["content"] is not None and all(
            file["content"].get(name) == value for name, value in wanted.items()
        )

    @classmethod
    def confirm_all(cls, changes: Sequence[tuple[Intent, Self]]) -> None:
        accounts = [
            Account(
                upstream_id=intent.upstream_id,
                name=change.name,
                provider=change.provider,
                label=change.label,
                owner_id=change.owner_id,
                origin=Account.Origin.UPLOAD,
            )
            for intent, change in changes
        ]
        Account.objects.bulk_create(
            accounts,
            update_conflicts=True,
            unique_fields=["upstream", "name"],
            update_fields=["provider", "label", "owner", "origin", "since"],
        )


@registered
class SwitchAccount(_OneFile, frozen=True, kw_only=True):
    """Enable or disable an account."""

    kind = "account.switched"
    needs_content = False
    disabled: bool

    @property
    def title(self) -> str:
        return (_DISABLE if self.disabled else _ENABLE)(account=self.name)

    def next_file(self, file: State) -> State:
        return {
            **_existing(file),
            "listed": {**(file["listed"] or {}), "disabled": self.disabled},
        }

    def is_in(self, file: State) -> bool:
        return (
            file["listed"] is not None and (file["listed"].get("disabled") is True) == self.disabled
        )


@registered
class SetAccountFields(_OneFile, frozen=True, kw_only=True):
    """Set note, priority, weight, prefix or proxy; None clears one."""

    kind = "account.edited"
    fields: dict[str, str | int | None]

    @property
    def title(self) -> str:
        return _CHANGE(fields=", ".join(self.fields), account=self.name)

    def next_file(self, file: State) -> State:
        return {
            **_existing(file),
            "content": {
                **(file["content"] or {}),
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

    def is_in(self, file: State) -> bool:
        return file["content"] is not None and not self._amiss(file["content"])

    def partly(self, state: State) -> str:
        # Older upstreams know fewer fields.
        content = state[self.name]["content"]
        return ", ".join(self._amiss(content)) if content is not None else ""


@registered
class DeleteAccount(_OneFile, frozen=True, kw_only=True):
    """Delete a file; a second time changes nothing."""

    kind = "account.deleted"

    @property
    def title(self) -> str:
        return _DELETE(account=self.name)

    def next_file(self, file: State) -> State:
        return ABSENT

    def is_in(self, file: State) -> bool:
        return bool(file == ABSENT)

    @classmethod
    def confirm_all(cls, changes: Sequence[tuple[Intent, Self]]) -> None:
        ((intent, _), *_others) = changes
        names = [change.name for _, change in changes]
        Account.objects.filter(upstream_id=intent.upstream_id, name__in=names).delete()
