"""What a change of the upstream is: pure data with pure functions, and the resource that it reads
and writes.

A `Resource` does the talking: it reads the present state and brings about another with exactly one
request, the smallest that does it safely. A `Change` does the thinking: from a state freshly read
it makes the next one, decides whether a state holds it already, and what of a state people may see.
A change that may have been sent is looked for with `holds` before `next` is called again, so
sending twice does no harm.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Protocol, Self, TypeVar

import msgspec

from management_proxy.client.http import ManagementClient
from monitoring.encryption import decrypt, encrypt
from providers.models import Intent

# Parsed JSON of a resource: a list of texts or objects, a mapping, a text. Never changed in place.
State = Any


class Moved(Exception):
    """The state is no longer the one that was read; nothing was sent."""


class Resource(Protocol):
    """One list, map, file or switch of an upstream, which is read and written as a whole."""

    @property
    def name(self) -> str:
        """Unique within an upstream, such as `claude-api-key`; intents of one name may be applied
        together."""

    @property
    def reloads(self) -> bool:
        """Whether a write rewrites the upstream's configuration file, so that the next write must
        wait (contract 6.5)."""

    def read(self, client: ManagementClient) -> State:
        """The present state. Raises UpstreamError."""

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        """Bring about `after` by one request; equal states mean that the upstream must save again.

        Where each part has requests of its own, some may have been sent although this raises
        Refused or Uncertain.

        Raises UpstreamError, or Moved if it would replace the whole and finds another state than
        `before`.
        """


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change as data. Subclasses set `kind` and register with `registered`."""

    kind: ClassVar[str]
    # Whether it may share a write with others of the same resource.
    joins: ClassVar[bool] = True

    @property
    @abstractmethod
    def resource(self) -> Resource:
        """What it reads and writes."""

    def resource_with(self, others: Iterable["Change"]) -> Resource:
        """What it and the others of one write read and write; they include itself."""
        return self.resource

    @property
    @abstractmethod
    def subject(self) -> str:
        """Which part of the resource it concerns, at most 64 characters and no secret; two of one
        subject never share a write."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does, in a few words, secrets masked."""

    @abstractmethod
    def next(self, state: State) -> State:
        """The state after it. Raises ChangeRefused if it cannot be made from this state."""

    @abstractmethod
    def holds(self, state: State) -> bool:
        """Whether the state is as requested."""

    def partly(self, state: State) -> str:
        """What the upstream discards of it though it keeps the rest; empty if nothing of it is
        there or nothing is amiss."""
        return ""

    def shown(self, state: State) -> Any:
        """The part of a state that it concerns, as JSON with secrets masked; None for nothing."""
        return None

    def write(self, client: ManagementClient, before: State, after: State) -> None:
        """Send it; only one that does not join others may have a way of its own."""
        self.resource.write(client, before, after)

    def confirmed(self, intent: Intent) -> None:
        """Our half, in the transaction that records the success."""

    @classmethod
    def confirm_all(cls, changes: Sequence[tuple[Intent, Self]]) -> None:
        """Our half of many of a kind that shared a write, each with its intent."""
        for intent, change in changes:
            change.confirmed(intent)

    def undone(self, intent: Intent) -> None:
        """Take back our half, in the transaction that records that the upstream does not hold
        it."""

    def encoded(self) -> bytes:
        """As JSON, secrets included."""
        return msgspec.json.encode(self)

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        return msgspec.json.decode(data, type=cls)


_kinds: dict[str, type[Change]] = {}
C = TypeVar("C", bound=Change)


def registered(cls: type[C]) -> type[C]:
    """Class decorator: make a kind of change readable from its intent again."""
    _kinds[cls.kind] = cls
    return cls


def change_of(intent: Intent) -> Change:
    """What an intent does, decrypted. Raises LookupError once it is forgotten."""
    if not intent.change_encrypted:
        raise LookupError("the change is forgotten")
    return _kinds[intent.kind].decoded(decrypt(bytes(intent.change_encrypted)))


def store_change(intent: Intent, change: Change) -> None:
    """Set, without saving, what an intent does."""
    intent.kind, intent.resource = change.kind, change.resource.name
    intent.subject, intent.title = change.subject, change.title[:200]
    intent.change_encrypted = encrypt(change.encoded())
