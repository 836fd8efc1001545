"""One change from request to outcome: verified on what was read back, refused with a reason, or
honestly unknown."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import replace_list
from management_proxy.models import Access
from monitoring.leases import acquire, release
from monitoring.models import AuditEntry
from providers.client_keys.changes import AddClientKey
from providers.errors import QueueFull
from providers.funnel import writes as upstream_writes
from providers.funnel.changes import change_of
from providers.funnel.writes import ahead_of, carry_out, finish_waiting, perform, submit
from providers.keys.changes import AddEntry
from providers.models import ClientKey, Intent
from tests.factories import make_user
from tests.providers.conftest import add_key, keys_of, remove_key

pytestmark = pytest.mark.django_db
KEY = "sk-team-a-0000000000000001"


def fault(simulator, **fields) -> None:
    simulator.control("faults", fields)


def test_a_change_is_verified_on_what_was_read_back(upstream, client):
    intent = perform(upstream, add_key(upstream, KEY), make_user("alice", staff=True), "new team")
    assert (intent.state, intent.attempts, intent.error) == ("verified", 1, "")
    assert keys_of(client)[-1] == KEY
    assert ClientKey.objects.get(pk=change_of(intent).client_key_id).state == "active"


def test_before_and_after_are_kept_without_the_secret(upstream):
    intent = perform(upstream, add_key(upstream, KEY))
    assert intent.before == {"keys": 2, "key": None}
    assert intent.after == {"keys": 3, "key": "…0001"}
    assert KEY not in str(list(Intent.objects.values())) + str(list(AuditEntry.objects.values()))


def test_the_audit_trail_records_who_what_and_how_it_ended(upstream):
    perform(upstream, add_key(upstream, KEY), make_user("alice", staff=True), "new team")
    entry = AuditEntry.objects.get(action="client_key.added")
    assert (entry.actor, entry.outcome, entry.upstream, entry.detail["reason"]) == (
        "alice",
        "succeeded",
        upstream.name,
        "new team",
    )


def test_what_cannot_be_made_is_refused_and_leaves_no_row(upstream, client):
    perform(upstream, add_key(upstream, KEY))
    second = ClientKey.objects.create(
        upstream=upstream, digest=b"x", state=ClientKey.State.REQUESTED
    )
    intent = perform(upstream, AddClientKey(client_key_id=second.pk, key=KEY))
    assert (intent.state, intent.error_field, intent.attempts) == ("failed", "key", 0)
    assert keys_of(client).count(KEY) == 1
    assert not ClientKey.objects.filter(pk=second.pk).exists()


def test_the_last_client_key_stays(upstream, client):
    first, last = keys_of(client)
    assert perform(upstream, remove_key(upstream, first)).state == "verified"
    intent = perform(upstream, remove_key(upstream, last))
    assert intent.state == "failed"
    assert "serves every client" in intent.error
    assert keys_of(client) == [last]


def test_intents_of_one_list_share_a_write(upstream, client, monkeypatch):
    writes = []
    real = ManagementClient.call
    monkeypatch.setattr(
        ManagementClient,
        "call",
        lambda self, method, *rest, **more: (
            method != "GET" and writes.append(method),
            real(self, method, *rest, **more),
        )[1],
    )
    intents = [submit(upstream, add_key(upstream, f"sk-team-{n:020d}")) for n in range(20)]
    carry_out(intents[-1])
    assert set(Intent.objects.values_list("state", flat=True)) == {"verified"}
    assert writes == ["PUT"]
    assert len(keys_of(client)) == 22


def test_adding_and_removing_the_same_key_keep_their_order(upstream, client):
    intents = [
        submit(upstream, add_key(upstream, KEY)),
        submit(upstream, remove_key(upstream, KEY)),
        submit(upstream, add_key(upstream, KEY)),
    ]
    carry_out(intents[-1])
    assert list(Intent.objects.order_by("pk").values_list("state", flat=True)) == ["verified"] * 3
    assert keys_of(client).count(KEY) == 1


def test_what_the_reload_of_a_foreign_write_swallows_is_sent_again(upstream, client):
    stop = threading.Event()

    def write_at_random() -> None:
        while not stop.wait(0.013):
            replace_list(client, "claude-api-key", [{"api-key": "sk-foreign"}])

    thread = threading.Thread(target=write_at_random)
    thread.start()
    try:
        intents = [perform(upstream, add_key(upstream, f"sk-team-{n:020d}")) for n in range(12)]
    finally:
        stop.set()
        thread.join()
    lost = [
        intent
        for intent in intents
        if intent.state == "verified" and change_of(intent).key not in keys_of(client)
    ]
    assert not lost
    assert {intent.state for intent in intents} <= {"verified", "unknown"}


def test_a_write_without_a_response_that_is_found_upstream_is_verified(upstream, client, simulator):
    fault(simulator, kind="cut", path="*api-keys", method="PATCH")
    assert perform(upstream, add_key(upstream, KEY)).state == "verified"
    assert keys_of(client).count(KEY) == 1


def test_a_write_without_a_response_that_is_not_found_is_unknown(upstream, client, simulator):
    fault(simulator, kind="reset", path="*api-keys", method="PATCH")
    intent = perform(upstream, add_key(upstream, KEY))
    assert (intent.state, intent.settled_at) == ("unknown", None)
    assert "without a response" in intent.error


def test_a_write_that_the_upstream_could_not_save_is_unknown_and_saved_again(
    upstream, client, simulator
):
    fault(simulator, kind="status", status=500, when="after", path="*api-keys", method="PATCH")
    intent = perform(upstream, add_key(upstream, KEY))
    assert (intent.state, intent.must_save) == ("unknown", True)
    Intent.objects.filter(pk=intent.pk).update(applied_at=timezone.now() - timedelta(minutes=1))
    finish_waiting(upstream)
    intent.refresh_from_db()
    assert (intent.state, intent.attempts) == ("verified", 2)
    assert keys_of(client).count(KEY) == 1


def test_an_unknown_outcome_is_healed_by_the_next_turn(upstream, client, monkeypatch):
    intent = perform(upstream, add_key(upstream, KEY))
    Intent.objects.filter(pk=intent.pk).update(
        state="unknown", settled_at=None, applied_at=timezone.now() - timedelta(minutes=1)
    )
    assert finish_waiting(upstream)
    intent.refresh_from_db()
    assert (intent.state, intent.attempts) == ("verified", 1)
    assert keys_of(client).count(KEY) == 1


def test_an_unknown_change_that_is_not_there_is_sent_again(upstream, client):
    intent = submit(upstream, add_key(upstream, KEY))
    Intent.objects.filter(pk=intent.pk).update(
        state="unknown", attempts=1, applied_at=timezone.now() - timedelta(minutes=1)
    )
    finish_waiting(upstream)
    intent.refresh_from_db()
    assert (intent.state, intent.attempts) == ("verified", 2)
    assert keys_of(client).count(KEY) == 1


def test_an_unknown_change_that_is_no_longer_expected_is_undone(upstream, client):
    intent = submit(upstream, add_key(upstream, KEY))
    long_ago = timezone.now() - timedelta(hours=1)
    Intent.objects.filter(pk=intent.pk).update(
        state="unknown", attempts=1, applied_at=long_ago, requested_at=long_ago
    )
    finish_waiting(upstream)
    intent.refresh_from_db()
    assert intent.state == "compensated"
    assert KEY not in keys_of(client)
    assert not ClientKey.objects.exists()


def test_an_unreachable_upstream_fails_what_was_never_sent(upstream):
    upstream.management_url = "http://127.0.0.1:9/v0/management"
    upstream.save()
    intent = perform(upstream, add_key(upstream, KEY))
    assert intent.state == "failed"
    assert "cannot connect" in intent.error
    assert not ClientKey.objects.filter(state="requested").exists()


def test_a_banned_upstream_gets_no_request(upstream):
    upstream.access, upstream.blocked_until = Access.BANNED, timezone.now() + timedelta(minutes=5)
    upstream.save()
    assert perform(upstream, add_key(upstream, KEY)).state == "failed"


def test_who_waits_sees_how_many_are_ahead(upstream):
    intents = [submit(upstream, add_key(upstream, f"sk-team-{n:020d}")) for n in range(3)]
    assert [ahead_of(intent) for intent in intents] == [0, 1, 2]


def test_while_another_holds_the_lease_a_change_waits_and_comes_back_waiting(upstream):
    term = acquire(upstream.write_lease, 30)
    intent = perform(upstream, add_key(upstream, KEY), wait_seconds=0.3)
    assert intent.state == "requested"
    release(term)
    assert carry_out(intent).state == "verified"


def test_the_queue_is_bounded(upstream, monkeypatch):
    monkeypatch.setattr(upstream_writes, "LONGEST_QUEUE", 2)
    for n in range(2):
        submit(upstream, add_key(upstream, f"sk-team-{n:020d}"))
    with pytest.raises(QueueFull):
        submit(upstream, add_key(upstream, KEY))


def test_a_refusal_of_several_is_found_out_one_by_one(upstream, client, simulator):
    fault(simulator, kind="status", path="*api-keys", method="PUT", status=400)
    intents = [submit(upstream, add_key(upstream, f"sk-team-{n:020d}")) for n in range(3)]
    carry_out(intents[-1])
    assert set(Intent.objects.values_list("state", flat=True)) == {"verified"}
    assert len(keys_of(client)) == 5


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_upstream_is_called(upstream, monkeypatch):
    seen = []
    real = ManagementClient._exchange
    monkeypatch.setattr(
        ManagementClient,
        "_exchange",
        lambda *arguments: (seen.append(connection.in_atomic_block), real(*arguments))[1],
    )
    perform(upstream, add_key(upstream, KEY))
    assert seen
    assert not any(seen)


def test_no_change_is_overtaken_by_more_than_two(upstream):
    """Lists take turns by age; those that share a write jump the queue by two places at most. Those
    of one write are settled at the same instant."""
    lists = "KPKKKKPKPPKKKKKK"
    intents = [
        submit(
            upstream,
            add_key(upstream, f"sk-team-{n:020d}")
            if kind == "K"
            else add_entry(f"sk-ant-{n:020d}"),
        )
        for n, kind in enumerate(lists)
    ]
    for intent in intents:
        carry_out(intent)
    settled = list(Intent.objects.order_by("settled_at", "pk").values_list("pk", flat=True))
    overtaken = [sum(other > pk for other in settled[: settled.index(pk)]) for pk in settled]
    assert max(overtaken) <= 2
    assert len(set(Intent.objects.values_list("applied_at", flat=True))) < len(lists), (
        "some shared a write"
    )


def test_a_broken_change_holds_up_no_neighbour(upstream, client, monkeypatch):
    intents = [submit(upstream, add_key(upstream, f"sk-team-{n:020d}")) for n in range(3)]
    real = AddClientKey.confirmed

    def confirmed(self, intent):
        if intent.pk == intents[1].pk:
            raise IntegrityError("broken")
        real(self, intent)

    monkeypatch.setattr(AddClientKey, "confirmed", confirmed)
    carry_out(intents[0])
    assert list(Intent.objects.order_by("pk").values_list("state", flat=True)) == [
        "verified",
        "unknown",
        "verified",
    ]
    assert len(keys_of(client)) == 5


def add_entry(key):
    return AddEntry(family_name="claude", identity=(key, ""), entry={"api-key": key})
