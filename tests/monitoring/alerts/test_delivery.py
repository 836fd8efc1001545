"""From the outbox to a receiver: signed, retried, in order, and never to where it may not go."""

import hashlib
import hmac
import socket
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.delivery import attempts
from monitoring.alerts.delivery.attempts import deliver, deliver_due
from monitoring.alerts.delivery.outbox import GIVEN_UP_AFTER, Outcome, claim_due, report
from monitoring.models import AlertChannel, AlertMessage
from tests.monitoring.alerts.receiver import make_apprise_channel, make_channel, receiver
from tests.processes import eventually

pytestmark = pytest.mark.django_db
State = AlertMessage.State


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings):
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.0/8"]


def make_message(channel: AlertChannel, **fields) -> AlertMessage:
    now = timezone.now()
    values = {
        "channel": channel,
        "channel_name": channel.name,
        "kind": "firing",
        "severity": "critical",
        "title": "[critical] Collector stalled",
        "text": "Condition: …",
        "content": {"kind": "firing", "alerts": []},
        "created_at": now - timedelta(seconds=1),
        "due_at": now - timedelta(seconds=1),
    }
    return AlertMessage.objects.create(**{**values, **fields})


def send_all() -> list[Outcome]:
    return [deliver(claim) for claim in claim_due()]


def make_due() -> None:
    AlertMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_webhook_is_signed():
    with receiver() as other:
        message = make_message(make_channel(other.url))
        assert [outcome.accepted for outcome in send_all()] == [True]
    headers, body = other.raw[0]
    expected = hmac.new(
        b"signing secret", f"{headers['X-Tollgate-Timestamp']}.".encode() + body, hashlib.sha256
    )
    assert headers["X-Tollgate-Signature"] == f"sha256={expected.hexdigest()}"
    assert abs(int(headers["X-Tollgate-Timestamp"]) - time.time()) < 60
    assert headers["X-Tollgate-Id"] == other.bodies[0]["id"] == str(message.pk)
    assert other.bodies[0]["isRepeat"] is False
    message.refresh_from_db()
    assert (message.state, message.response) == (State.DELIVERED, "204 No Content")


def test_apprise_sends_to_a_service():
    with receiver() as other:
        make_message(make_apprise_channel(other.url.replace("http://", "json://")))
        assert [outcome.accepted for outcome in send_all()] == [True]
    assert other.bodies[0]["title"] == "[critical] Collector stalled"


def test_what_is_refused_is_tried_again_later_and_later():
    with receiver() as other:
        other.status = 500
        message = make_message(make_channel(other.url))
        waits = []
        for _ in range(3):
            (outcome,) = send_all()
            assert outcome.response.startswith("500")
            message.refresh_from_db()
            waits.append((message.due_at - timezone.now()).total_seconds())
            assert claim_due() == []
            make_due()
        assert waits == pytest.approx([15, 30, 60], abs=3)
        other.status = 200
        send_all()
    message.refresh_from_db()
    assert (message.state, message.attempts, message.may_repeat) == (State.DELIVERED, 4, False)


def test_after_a_day_it_is_given_up():
    with receiver() as other:
        other.status = 500
        long_ago = timezone.now() - GIVEN_UP_AFTER
        message = make_message(make_channel(other.url), created_at=long_ago)
        send_all()
    message.refresh_from_db()
    assert (message.state, message.response[:3]) == (State.UNDELIVERED, "500")


def test_a_recovery_never_overtakes_its_alert():
    with receiver() as other:
        other.status = 503
        channel = make_channel(other.url)
        make_message(channel)
        make_message(channel, kind="resolved", created_at=timezone.now())
        send_all()
        assert claim_due() == []
        other.status = 200
        make_due()
        send_all()
        send_all()
    assert [headers["X-Tollgate-Id"] for headers, _ in other.raw] == [
        str(m.pk) for m in [*AlertMessage.objects.order_by("created_at")[:1]] * 2
    ] + [str(AlertMessage.objects.get(kind="resolved").pk)]


def test_a_claim_whose_holder_died_is_marked_as_a_possible_repeat():
    with receiver() as other:
        message = make_message(make_channel(other.url))
        (dead,) = claim_due()
        assert claim_due() == []
        AlertMessage.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        send_all()
        assert not report(dead, Outcome(False, "late"))
    message.refresh_from_db()
    assert (message.state, other.bodies[0]["isRepeat"]) == (State.DELIVERED, True)


def test_a_channel_that_hangs_delays_no_other_and_is_marked(monkeypatch):
    with receiver() as hanging, receiver() as well:
        hanging.seconds = 60.0
        slow = make_message(make_channel(hanging.url, "slow"))
        make_message(make_channel(well.url, "well"))
        claims = {c.message_id: c for c in claim_due()}
        with monkeypatch.context() as patch:
            patch.setattr(attempts, "ATTEMPT_SECONDS", 2.0)
            outcome = deliver(claims.pop(slow.pk))
        hanging.may_respond.set()
        (other,) = claims.values()
        assert deliver(other).accepted
    assert (outcome.accepted, outcome.is_uncertain) == (False, True)
    slow.refresh_from_db()
    assert (slow.state, slow.may_repeat) == (State.WAITING, True)


@pytest.mark.django_db(transaction=True)
def test_every_channel_is_sent_to_at_once():
    with receiver() as hanging, receiver() as well:
        hanging.seconds = 60.0
        make_message(make_channel(hanging.url, "slow"))
        make_message(make_channel(well.url, "well"))
        sending = deliver_due()
        eventually(lambda: well.bodies)
        assert not all(future.done() for future in sending)
        hanging.may_respond.set()
        for future in sending:
            future.result()
    assert set(AlertMessage.objects.values_list("state", flat=True)) == {State.DELIVERED}


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:{closed}/", "Connection refused"),
        ("https://127.0.0.1:{plain}/", "TLS failed"),
        ("http://no-such-host.invalid/", "no connection"),
    ],
)
def test_what_the_other_side_lacks_is_named(address, reason):
    with receiver() as other, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        plain = other.url.split(":")[2].split("/")[0]
        url = address.format(closed=closed.getsockname()[1], plain=plain)
        make_message(make_channel(url))
        (outcome,) = send_all()
    assert not outcome.accepted
    assert reason in outcome.response


@pytest.mark.parametrize("scheme", ["webhook", "json"])
def test_private_addresses_are_refused_unless_allowed(settings, scheme):
    settings.PRIVATE_PROVIDER_NETWORKS = []
    with receiver() as other:
        if scheme == "webhook":
            make_message(make_channel(other.url))
        else:
            make_message(make_apprise_channel(other.url.replace("http://", "json://")))
        (outcome,) = send_all()
    assert "127.0.0.1 is a private address" in outcome.response
    assert other.raw == []


@pytest.mark.parametrize("scheme", ["webhook", "json"])
def test_a_redirect_leads_nowhere_private(settings, scheme):
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.1/32"]
    with receiver() as other:
        other.status, other.redirect = 302, "http://127.0.0.2:9/inside"
        url = other.url if scheme == "webhook" else other.url.replace("http://", "json://")
        make_message(
            make_channel(url) if scheme == "webhook" else make_apprise_channel(url, "json")
        )
        (outcome,) = send_all()
    assert not outcome.accepted


def test_a_local_program_or_socket_is_refused():
    make_message(make_apprise_channel("dbus://"))
    assert not send_all()[0].accepted


def test_responses_hold_no_secret():
    with receiver() as other:
        channel = make_channel(f"{other.url}?token=very-secret-token-1234567890")
        make_message(channel)
        other.status = 400
        (outcome,) = send_all()
    assert "very-secret" not in outcome.response


def test_an_address_is_stored_encrypted():
    channel = make_channel("http://127.0.0.1/hidden-path")
    assert b"hidden" not in bytes(channel.address_encrypted)
    assert AlertChannel.objects.get().address.endswith("/hidden-path")
