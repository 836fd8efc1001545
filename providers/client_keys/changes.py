"""Changes of `api-keys`: one key more, or fewer. Pure but for our half of them, the `ClientKey`
row."""

from datetime import timedelta

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.client_keys.resources import CLIENT_KEY_LIST, ClientKeyList
from providers.digests import client_key_digest, last_four
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, State, registered
from providers.models import ClientKey, Intent

_ADD = Recorded(_("Add client key …%(end)s"))
_ADD_NAMED = Recorded(_("Add client key %(name)s (…%(end)s)"))
_REMOVE = Recorded(_("Remove client key %(label)s"))
_LISTED = Recorded(_("this key is listed upstream already; adopt it instead"))
_LAST = Recorded(
    _("it is the last client key: without one, the upstream serves every client. Add another first")
)


class OneClientKey(Change, frozen=True, kw_only=True):
    """What changes of a client key share."""

    client_key_id: int

    @property
    def resource(self) -> ClientKeyList:
        return CLIENT_KEY_LIST

    @property
    def subject(self) -> str:
        return f"client-key:{self.client_key_id}"


@registered
class AddClientKey(OneClientKey, frozen=True, kw_only=True):
    """Append one key. The row exists since the request; it becomes active, or goes again."""

    kind = "client_key.added"
    key: str
    name: str = ""
    # How long the key that it replaces works beside it.
    retires_after_seconds: float = 0

    @property
    def title(self) -> str:
        return (
            _ADD_NAMED(name=self.name, end=last_four(self.key))
            if self.name
            else _ADD(end=last_four(self.key))
        )

    def next(self, state: State) -> State:
        if self.key in [key.strip() for key in state]:
            raise ChangeRefused(_LISTED(), "key", "KEY_ALREADY_EXISTS")
        return [*state, self.key]

    def holds(self, state: State) -> bool:
        return self.key in state

    def shown(self, state: State) -> object:
        return count_and(state, f"…{last_four(self.key)}" if self.key in state else "")

    def confirmed(self, intent: Intent) -> None:
        row = ClientKey.objects.filter(pk=self.client_key_id).first()
        if row is None:
            return
        ClientKey.objects.filter(pk=row.pk).update(state=ClientKey.State.ACTIVE, revoked_at=None)
        if row.replaces_id:
            ends_at = timezone.now() + timedelta(seconds=self.retires_after_seconds)
            replaced = ClientKey.objects.filter(pk=row.replaces_id, state=ClientKey.State.ACTIVE)
            replaced.filter(Q(expires_at=None) | Q(expires_at__gt=ends_at)).update(
                expires_at=ends_at
            )

    def undone(self, intent: Intent) -> None:
        forget_unused(self.client_key_id)


@registered
class RemoveClientKey(OneClientKey, frozen=True, kw_only=True):
    """Remove one key by its digest; the key itself is not kept here, and found in the list."""

    kind = "client_key.removed"
    digest: bytes
    label: str = ""

    @property
    def title(self) -> str:
        return _REMOVE(label=self.label)

    def next(self, state: State) -> State:
        kept = [key for key in state if client_key_digest(key) != self.digest]
        if state and not [key for key in kept if key.strip()]:
            raise ChangeRefused(_LAST(), "", "LAST_CLIENT_KEY")
        return kept

    def holds(self, state: State) -> bool:
        return all(client_key_digest(key) != self.digest for key in state)

    def shown(self, state: State) -> object:
        return count_and(state, "" if self.holds(state) else self.label)

    def confirmed(self, intent: Intent) -> None:
        ClientKey.objects.filter(pk=self.client_key_id).exclude(
            state=ClientKey.State.REVOKED
        ).update(state=ClientKey.State.REVOKED, revoked_at=timezone.now())


def count_and(state: State, key: str) -> dict[str, object]:
    """What people see of a state: how many keys, and the masked one if it is listed."""
    return {"keys": len(state), "key": key or None}


def forget_unused(client_key_id: int) -> None:
    """Delete a row whose key never came to be; one that usage refers to stays as seen."""
    requested = ClientKey.objects.filter(pk=client_key_id, state=ClientKey.State.REQUESTED)
    try:
        with transaction.atomic():
            requested.delete()
    except ProtectedError:
        requested.update(state=ClientKey.State.SEEN)
