"""Mistakes of changes of an upstream."""

from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation


@mutation(
    "a change counts as made when the upstream has accepted it: nothing is read back",
    "writes.lost",
    may=("writes.misreported",),
)
def no_read_back() -> None:
    delivery = import_module("providers.funnel.delivery").Delivery

    def bring_about(self: Any, client: Any, state: Any) -> None:
        after = self._plan(state)
        if self.pairs and self._send(client, state, after):
            self._verify(after)

    delivery._bring_about = bring_about
    delivery._wait = lambda _self, _took: None


@mutation(
    "a change counts as made before it is sent",
    "proxy.failed_operations",
    "writes.lost",
    may=("writes.misreported",),
    beside=(),
)
def unsent_write() -> None:
    module = import_module("providers.funnel.delivery")

    def send(self: Any, client: Any, state: Any) -> None:
        after = self._plan(state)
        befores = [change.shown(state) for _, change in self.pairs]
        module.mark_applied(self.term, [intent for intent, _ in self.pairs], befores)
        self._verify(after)

    module.Delivery._bring_about = send


@mutation("a key that is added is sent twice", "writes.doubled")
def doubled_key() -> None:
    def following(self: Any, state: list[str]) -> list[str]:
        return [*first(self, state), self.key]

    add = import_module("providers.client_keys.changes").AddClientKey
    first = add.next
    add.next = following


@mutation("no more than two changes may wait", "writes.refused", may=("errors.new_classes",))
def short_queue() -> None:
    replace("providers.funnel.writes", "LONGEST_QUEUE", 2)


@mutation("the list of client keys ends after the twentieth", "writes.misreported")
def short_list() -> None:
    def listed(client: Any) -> dict[bytes, str]:
        return dict(list(whole(client).items())[:20])

    whole = replace("providers.client_keys.queries", "listed_digests", listed)


@mutation("a change that was read back stays open", "leftovers.unsettled", beside=("writes",))
def open_change() -> None:
    module = import_module("providers.funnel.delivery")

    def leave_open(self: Any, intent: Any, *_: Any) -> None:
        module.leave_unknown(self.term, intent, "")

    module.Delivery._verified = leave_open
