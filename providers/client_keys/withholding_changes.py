"""Changes that take a client key away for a while and give it back; our half of them is the
`WithheldKey`, whose states are in `withholding.py`."""

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.client_keys.changes import OneClientKey, RemoveClientKey, count_and
from providers.digests import last_four
from providers.funnel.changes import State, registered
from providers.models import ClientKey, Intent, WithheldKey

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
_WITHHOLD = Recorded(_("Withhold client key %(label)s"))
_GIVE_BACK = Recorded(_("Give back client key %(label)s"))


@registered
class WithholdClientKey(RemoveClientKey, frozen=True, kw_only=True):
    """Remove one key that is to come back; the key is kept with its row before this is sent."""

    kind = "client_key.withheld"

    @property
    def title(self) -> str:
        return _WITHHOLD(label=self.label)

    def confirmed(self, intent: Intent) -> None:
        ClientKey.objects.filter(pk=self.client_key_id, state=ClientKey.State.ACTIVE).update(
            state=ClientKey.State.WITHHELD
        )
        self._row(WithheldKey.State.REMOVING).update(
            state=WithheldKey.State.WITHHELD, changed_at=Now(), error="", tries=0, next_try_at=None
        )

    def undone(self, intent: Intent) -> None:
        # The upstream lists it still, so nothing of it has to be kept.
        row = self._row(WithheldKey.State.REMOVING)
        row.filter(by_hand=True).delete()
        row.update(state=WithheldKey.State.REFUSED, key_encrypted=b"", changed_at=Now())
        note_failure(self.client_key_id, intent.error)

    def _row(self, state: WithheldKey.State) -> QuerySet[WithheldKey]:
        return WithheldKey.objects.filter(pk=self.client_key_id, state=state)


@registered
class ReturnClientKey(OneClientKey, frozen=True, kw_only=True):
    """Append a withheld key again; nothing is sent where it is listed already."""

    kind = "client_key.returned"
    key: str
    label: str = ""
    # Whether what wants it removed still does: then it is not removed again for the same cause.
    releases: bool = False

    @property
    def title(self) -> str:
        return _GIVE_BACK(label=self.label)

    def next(self, state: State) -> State:
        return state if self.holds(state) else [*state, self.key]

    def holds(self, state: State) -> bool:
        return self.key in [key.strip() for key in state]

    def shown(self, state: State) -> object:
        return count_and(state, f"…{last_four(self.key)}" if self.holds(state) else "")

    def confirmed(self, intent: Intent) -> None:
        ClientKey.objects.filter(pk=self.client_key_id, state=ClientKey.State.WITHHELD).update(
            state=ClientKey.State.ACTIVE
        )
        row = WithheldKey.objects.filter(pk=self.client_key_id)
        if self.releases:
            release(row)
        else:
            row.delete()

    def undone(self, intent: Intent) -> None:
        note_failure(self.client_key_id, intent.error)


def release(rows: QuerySet[WithheldKey]) -> int:
    """Record that the key is in use again though it is wanted removed; how many rows that were."""
    return rows.update(
        state=WithheldKey.State.RELEASED,
        key_encrypted=b"",
        by_hand=False,
        changed_at=Now(),
        error="",
        tries=0,
        next_try_at=None,
    )


def note_failure(client_key_id: int, error: str) -> None:
    """Wait longer after each failure, so that an upstream that is down is not kept busy."""
    row = WithheldKey.objects.select_for_update().filter(pk=client_key_id).first()
    if row:
        wait = min(FIRST_WAIT * 2 ** min(row.tries, 10), LONGEST_WAIT)
        row.error, row.tries = error[:500], row.tries + 1
        row.next_try_at = timezone.now() + wait
        row.save(update_fields=["error", "tries", "next_try_at"])
