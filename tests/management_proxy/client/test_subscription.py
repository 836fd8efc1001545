"""Subscribing to a simulated upstream: what is sent, what comes, how it ends, and never a needless
failed login."""

import socket
import ssl
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from management_proxy.client import errors, http
from management_proxy.client.subscription import Subscription, refusal_of
from management_proxy.client.usage import pop_usage
from management_proxy.simulator import running_simulator
from tests.management_proxy.client.tls import behind_tls, make_certificate
from tests.processes import eventually

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def simulator():
    with running_simulator(statistics=True) as simulator:
        yield simulator


def subscribe(simulator, key: str = "", reported=None) -> Subscription:
    return Subscription(
        simulator.management_url,
        key or simulator.key,
        reported.append if reported is not None else lambda _: None,
    )


def received(subscription: Subscription) -> list[bytes]:
    """Everything that comes until nothing does, or until the end."""
    events: list[bytes] = []
    while more := subscription.receive(0.3):
        events += more
    return events


def test_events_come_and_control_messages_do_not(simulator):
    subscription = subscribe(simulator)
    simulator.app.state.announce_refresh()
    simulator.app.generate(50, 0.0, None)
    assert len(received(subscription)) == 50
    subscription.close()


def test_nothing_is_sent_before_the_key_and_nothing_but_the_subscription_after_it():
    sent = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                for reply in (b"+OK\r\n", b"*3\r\n$9\r\nsubscribe\r\n$5\r\nusage\r\n:1\r\n"):
                    sent.append(connection.recv(4096))
                    connection.sendall(reply)
                sent.append(connection.recv(4096))

        thread = threading.Thread(target=serve)
        thread.start()
        Subscription(
            f"http://127.0.0.1:{server.getsockname()[1]}/v0/management", "key", print
        ).close()
        thread.join(60)
    assert sent == [
        b"*2\r\n$4\r\nAUTH\r\n$3\r\nkey\r\n",
        b"*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nusage\r\n",
        b"",
    ]


def test_wrong_key_is_tried_once_and_reported(simulator):
    reported = []
    with pytest.raises(errors.KeyRejected):
        subscribe(simulator, "wrong", reported)
    assert simulator.control("state")["failed_logins"] == len(reported) == 1


def test_client_without_a_key_cannot_be_made(simulator):
    with pytest.raises(ValueError, match="key is required"):
        Subscription(simulator.management_url, " ", print)


def test_slow_reader_gets_what_was_buffered_and_learns_of_the_end(simulator):
    subscription = subscribe(simulator)
    simulator.app.generate(300, 0.0, None)
    events = received_to_the_end(subscription)
    assert 200 <= len(events) < 300
    with pytest.raises(errors.Uncertain):
        subscription.receive(0)


def received_to_the_end(subscription: Subscription) -> list[bytes]:
    events: list[bytes] = []
    try:
        while True:
            events += subscription.receive(1)
    except errors.Uncertain:
        return events


def test_nothing_that_came_is_lost_by_leaving(simulator):
    subscription = subscribe(simulator)
    simulator.app.generate(100, 0.0, None)
    assert len(subscription.leave()) == 100
    eventually(lambda: simulator.control("state")["subscribers"] == 0)
    simulator.app.generate(5, 0.0, None)
    assert len(simulator.app.state.queue.pop(10)) == 5


def test_old_version_that_cannot_push_is_named():
    with (
        running_simulator(profile="v6.10.8", statistics=True) as old,
        pytest.raises(errors.Refused, match=r"7\.0\.7"),
    ):
        subscribe(old)


def test_closed_port_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(errors.NotReached):
        Subscription(f"http://127.0.0.1:{port}/v0/management", "key", print)


def test_certificate_of_a_stranger_is_refused():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, pytest.raises(OSError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(errors.NotReached):
            Subscription(f"https://127.0.0.1:{server.getsockname()[1]}/v0/management", "key", print)
        thread.join(60)


def test_events_come_over_tls_from_an_authority_that_this_host_trusts(
    simulator, tmp_path, monkeypatch
):
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with behind_tls(simulator.port, certificate) as port:
        subscription = Subscription(f"https://127.0.0.1:{port}/v0/management", simulator.key, print)
        simulator.app.generate(120, 0.0, None)
        assert len(received(subscription)) == 120
        simulator.app.generate(7, 0.0, None)
        assert len(subscription.leave()) == 7


def test_key_never_leaves_for_an_authority_that_this_host_does_not_trust(simulator, tmp_path):
    reported: list[errors.Blocked] = []
    with (
        behind_tls(simulator.port, make_certificate(tmp_path)) as port,
        pytest.raises(errors.NotReached, match="certificate"),
    ):
        Subscription(f"https://127.0.0.1:{port}/v0/management", "a wrong key", reported.append)
    assert simulator.control("state")["failed_logins"] == len(reported) == 0


def test_certificate_of_another_name_is_refused(simulator, tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with (
        behind_tls(simulator.port, certificate) as port,
        pytest.raises(errors.NotReached, match="certificate"),
    ):
        Subscription(f"https://127.0.0.1:{port}/v0/management", simulator.key, print)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_asking_trusts_the_same_authorities(simulator, tmp_path, monkeypatch, is_trusted):
    certificate = make_certificate(tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    simulator.app.generate(3, 0.0, None)
    chunks: list[bytes] = []
    http._shared_http.cache_clear()
    try:
        with (
            behind_tls(simulator.port, certificate) as port,
            nullcontext() if is_trusted else pytest.raises(errors.NotReached),
        ):
            client = http.ManagementClient(f"https://127.0.0.1:{port}/v0/management", simulator.key)
            pop_usage(client, 10, chunks.append)
        assert (b"".join(chunks).count(b'"timestamp"') == 3) is is_trusted
    finally:
        http._shared_http().close()
        http._shared_http.cache_clear()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("invalid management key", errors.KeyRejected),
        ("NOAUTH Authentication required.", errors.KeyRejected),
        ("IP banned due to too many failed attempts. Try again in 29m58s", errors.Banned),
        ("unknown command 'subscribe'", errors.Refused),
        ("RESP AUTH disabled; use mTLS", errors.Refused),
        ("remote management disabled", errors.Refused),
    ],
)
def test_refusals_become_the_right_error(text, kind):
    error = refusal_of(text, NOW)
    assert type(error) is kind
    if isinstance(error, errors.Banned):
        assert error.until > NOW + timedelta(minutes=29)
