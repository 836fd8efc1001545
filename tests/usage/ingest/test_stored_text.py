"""What is kept of an event's free texts holds no secret, whatever it looks like."""

import json

import msgspec
import pytest

from tests.factories import make_event, recordings_in
from tests.secret_looks import NO_SECRETS, SECRETS_IN_TEXT
from usage.ingest.queue_entry import QueueEntry
from usage.ingest.stored_text import details_of, fail_body_of
from usage.ingest.unknown_fields import unknown_fields


def failed_event(text: str) -> QueueEntry:
    event = make_event(
        failed=True,
        fail={"status_code": 500, "body": text},
        user_agent=text,
        response_headers={"X-Request-Id": [text]},
    )
    return msgspec.convert(event, QueueEntry)


@pytest.mark.parametrize(("secret", "text"), SECRETS_IN_TEXT)
def test_no_secret_is_kept(secret, text):
    event = failed_event(text)
    details = details_of(event, {})
    assert set(details["headers"]) == {"X-Request-Id"}
    for kept in (fail_body_of(event), details["user_agent"], details["headers"]["X-Request-Id"]):
        assert secret not in kept


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_is_kept(text):
    event = failed_event(text)
    assert fail_body_of(event) == details_of(event, {})["user_agent"] == text


def test_fields_of_a_newer_upstream_are_kept_without_secrets():
    event = make_event(
        api_key="client-secret-0001",
        quota={
            "signals": {"5h-utilization": 0.08, "cookie": "c=1"},
            "seen_by": "client-secret-0001",
        },
        tokens={"input_tokens": 3, "audio_tokens": 2},
        fail={"status_code": 200, "body": "", "retryable": True},
        new_key="sk-ant-api03-0123456789",
        note="a\x00b",
        long="x" * 5000,
    )
    kept = details_of(msgspec.convert(event, QueueEntry), event)["unknown_fields"]
    assert kept.pop("long") == "x" * 499 + "…"
    assert kept == {
        "fail.retryable": "true",
        "new_key": "[masked]",
        "note": "a\ufffdb",
        "quota": '{"signals":{"5h-utilization":0.08,"cookie":"[masked]"},"seen_by":"[masked]"}',
        "tokens.audio_tokens": "2",
    }


def test_a_flood_of_unknown_fields_is_cut_and_counted():
    event = make_event(**{f"new-{number:03}": number for number in range(100)})
    kept = details_of(msgspec.convert(event, QueueEntry), event)["unknown_fields"]
    assert len(kept) == 41
    assert kept["…"] == "60 more"


@pytest.mark.parametrize("file", ["usage-queue.jsonl", "older/*.jsonl"])
def test_recorded_events_hold_nothing_unknown(file):
    bodies = [
        json.loads(exchange.body)
        for exchanges in recordings_in(file).values()
        for exchange in exchanges
        if exchange.body.startswith(b"[{")
    ]
    assert bodies
    assert [
        found for body in bodies for element in body if (found := unknown_fields(element))
    ] == []
