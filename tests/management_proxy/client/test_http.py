"""The client against recorded refusals and a simulated upstream with faults."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from management_proxy.client import errors
from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import Limits
from management_proxy.client.responses import ban_duration, refusal_of, version_of
from management_proxy.client.usage import (
    effective_retention,
    pop_usage,
    statistics_enabled,
    usage_settings,
)
from management_proxy.simulator import running_simulator
from tests.factories import answering, recordings_in

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def simulator():
    with running_simulator(statistics=True, retention=300) as simulator:
        yield simulator


def fault(simulator, **fields) -> None:
    httpx.post(f"{simulator.url}/__control/faults", json=fields).raise_for_status()


def failed_logins(simulator) -> int:
    return httpx.get(f"{simulator.url}/__control/state").json()["failed_logins"]


def client_of(simulator, key: str = "") -> ManagementClient:
    return ManagementClient(simulator.management_url, key or simulator.key)


RECORDED = [
    x
    for x in recordings_in("refusals.jsonl")["refusals.jsonl"]
    if x.status in (401, 403, 404) and x.method == "GET"
]


@pytest.mark.parametrize("exchange", RECORDED, ids=lambda x: x.name)
def test_recorded_refusals_become_the_right_error(exchange):
    error = refusal_of(exchange.status, exchange.body, NOW)
    expected = {
        401: errors.KeyRejected,
        404: errors.NotFound,
        403: errors.Banned if b"banned" in exchange.body else errors.Refused,
    }[exchange.status]
    assert type(error) is expected
    assert not error.is_safe_to_repeat


def test_client_without_a_key_cannot_be_made():
    with pytest.raises(ValueError, match="key is required"):
        ManagementClient("http://127.0.0.1:1/v0/management", " ")


def test_settings_are_read(simulator):
    observed = usage_settings(client_of(simulator))
    assert (observed.statistics_enabled, observed.retention_seconds, observed.version) == (
        True,
        300,
        "7.2.140",
    )
    assert statistics_enabled(client_of(simulator)) is True


def test_wrong_key_is_tried_once_and_reported(simulator):
    reported = []
    client = ManagementClient(simulator.management_url, "wrong", on_blocked=reported.append)
    with pytest.raises(errors.KeyRejected):
        usage_settings(client)
    assert failed_logins(simulator) == len(reported) == 1


def test_ban_carries_its_end(simulator):
    for _ in range(5):
        with pytest.raises(errors.KeyRejected):
            usage_settings(client_of(simulator, "wrong"))
    with pytest.raises(errors.Banned) as caught:
        usage_settings(client_of(simulator))
    assert timedelta(minutes=29) < caught.value.until - datetime.now(UTC) < timedelta(minutes=31)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("29m58s", timedelta(minutes=29, seconds=58)),
        ("30m0s", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("1h0m5s", timedelta(hours=1, seconds=5)),
    ],
)
def test_ban_durations_are_go_text(text, duration):
    assert (
        ban_duration(f"IP banned due to too many failed attempts. Try again in {text}") == duration
    )
    assert ban_duration("remote management disabled") is None


def test_nothing_listening_is_safe_to_repeat():
    with pytest.raises(errors.NotReached) as caught:
        statistics_enabled(ManagementClient("http://127.0.0.1:9/v0/management", "key"))
    assert caught.value.is_safe_to_repeat


def test_hanging_upstream_ends_at_the_limit(simulator, monkeypatch):
    monkeypatch.setattr("management_proxy.client.usage.SMALL", Limits.of(0.3))
    fault(simulator, kind="hang_before_headers", path="*usage-statistics-enabled", seconds=1)
    with pytest.raises(errors.ResponseTimeout) as caught:
        statistics_enabled(client_of(simulator))
    assert not caught.value.is_safe_to_repeat


def test_dripping_response_ends_at_the_total_limit(simulator, monkeypatch):
    monkeypatch.setattr("management_proxy.client.usage.SMALL", Limits.of(1, total=0.3))
    fault(simulator, kind="drip", path="*usage-statistics-enabled", bytes=1, seconds=0.1)
    with pytest.raises(errors.ResponseTimeout):
        statistics_enabled(client_of(simulator))


def test_response_over_its_budget_is_refused(simulator):
    fault(simulator, kind="huge", path="*usage-statistics-enabled", bytes=1_000_000)
    with pytest.raises(errors.ResponseTooLarge):
        statistics_enabled(client_of(simulator))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "status", "status": 503}, errors.ServerFault),
        ({"kind": "garbage", "body": "<html>"}, errors.Unintelligible),
        ({"kind": "reset"}, errors.Uncertain),
    ],
)
def test_broken_responses_become_the_right_error(simulator, fields, expected):
    fault(simulator, path="*usage-statistics-enabled", **fields)
    with pytest.raises(expected):
        statistics_enabled(client_of(simulator))


def test_cut_after_the_pop_hands_over_what_arrived(simulator):
    httpx.post(f"{simulator.url}/__control/generate", json={"events": 20}).raise_for_status()
    fault(simulator, kind="cut_body", path="*usage-queue", bytes=5000)
    received: list[bytes] = []
    with pytest.raises(errors.Uncertain):
        pop_usage(client_of(simulator), 20, received.append)
    assert b"".join(received).startswith(b'[{"timestamp"')


def test_redirect_is_not_followed():
    client = answering(
        [
            httpx.Response(
                301, headers={"Location": "http://elsewhere.test/"}, stream=httpx.ByteStream(b"")
            )
        ]
    )
    with pytest.raises(errors.Refused):
        statistics_enabled(client)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("7.2.140", "7.2.140"),
        ("v7.2.140", "7.2.140"),
        ("dev", "dev"),
        ("", ""),
        ("v7.2.140-rc.1", "7.2.140-rc.1"),
    ],
)
def test_version_header_is_read_tolerantly(given, shown):
    assert version_of(httpx.Headers({"X-Cpa-Version": given})) == shown


@pytest.mark.parametrize(("configured", "effective"), [(0, 60), (-5, 60), (300, 300), (9999, 3600)])
def test_retention_is_what_the_upstream_applies(configured, effective):
    assert effective_retention(configured) == effective
