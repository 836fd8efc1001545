"""Malformed queue elements cost at most themselves: stored clean or dead-lettered with a reason,
neighbours stored."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.encryption import decrypt
from tests.factories import make_event, make_upstream, store
from usage.ingest import page_parser
from usage.ingest.attribution import Attribution
from usage.ingest.page_parser import split_page
from usage.ingest.store import ingest
from usage.models import DeadLetter, UsageEvent, UsageHourly

pytestmark = pytest.mark.django_db
Reason = DeadLetter.Reason
NEXT_WEEK = (datetime.now(UTC) + timedelta(days=7)).isoformat()


def changed(**fields):
    return make_event(**fields)


def with_tokens(**tokens):
    event = make_event()
    event["tokens"].update(tokens)
    return event


def without(name):
    event = make_event()
    del event[name]
    return event


def with_breakdown_total(value):
    event = make_event()
    event["token_breakdown"]["total_tokens"] = value
    return event


REJECTED = {
    "string": ("just text", Reason.NOT_AN_OBJECT),
    "number": (7, Reason.NOT_AN_OBJECT),
    "null": (None, Reason.NOT_AN_OBJECT),
    "array": ([make_event()], Reason.NOT_AN_OBJECT),
    "control message": ({"refresh": True}, Reason.MISSING_FIELD),
    "no timestamp": (without("timestamp"), Reason.MISSING_FIELD),
    "numeric timestamp": (changed(timestamp=1700000000), Reason.INVALID_FIELD),
    "impossible day": (changed(timestamp="2026-02-30T10:00:00Z"), Reason.IMPOSSIBLE_DATE),
    "year one": (changed(timestamp="0001-01-01T00:00:00Z"), Reason.IMPOSSIBLE_DATE),
    "no zone": (changed(timestamp="2026-11-20T10:00:00"), Reason.IMPOSSIBLE_DATE),
    "far future": (changed(timestamp=NEXT_WEEK), Reason.IMPOSSIBLE_DATE),
    "empty timestamp": (changed(timestamp=""), Reason.IMPOSSIBLE_DATE),
    "textual count": (with_tokens(input_tokens="12"), Reason.INVALID_FIELD),
    "fractional count": (with_tokens(input_tokens=1.5), Reason.INVALID_FIELD),
    "huge count": (with_tokens(input_tokens=2**63), Reason.INVALID_FIELD),
    "huge breakdown": (with_breakdown_total(10**17), Reason.INVALID_FIELD),
    "negative breakdown": (with_breakdown_total(-1), Reason.INVALID_FIELD),
    "negative latency": (changed(latency_ms=-1), Reason.INVALID_FIELD),
    "textual flag": (changed(failed="yes"), Reason.INVALID_FIELD),
    "tokens no object": (changed(tokens=[1]), Reason.INVALID_FIELD),
    "numeric model": (changed(model=5), Reason.INVALID_FIELD),
}


@pytest.mark.parametrize("name", REJECTED)
def test_bad_element_is_dead_lettered_and_its_neighbours_stored(name):
    element, reason = REJECTED[name]
    upstream = make_upstream()
    result = store(upstream, make_event(), element, make_event(), batch="b")
    assert (result.elements, result.stored, result.dead_lettered) == (3, 2, 1)
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.position, letter.batch) == (reason, 1, "b")
    assert json.loads(decrypt(bytes(letter.payload_encrypted))) == element


STORED = {
    "no tokens": without("tokens") | {"token_breakdown": None},
    "empty model": changed(model=""),
    "missing model": without("model"),
    "missing key": without("api_key"),
    "NUL everywhere": changed(
        model="a\x00b",
        alias="\x00",
        user_agent="x\x00",
        api_key="sk\x00key",
        source="\x00",
        failed=True,
        fail={"status_code": 400, "body": "a\x00b"},
    ),
    "5 MB body": changed(failed=True, fail={"status_code": 500, "body": "x" * 5_000_000}),
    "endless names": changed(
        model="m" * 5000,
        alias="a" * 5000,
        endpoint="e" * 5000,
        provider="p" * 5000,
        request_id="r" * 500,
        auth_index="i" * 500,
    ),
    "negative reported": with_tokens(input_tokens=-5),
    "failed with status 200": changed(failed=True, fail={"status_code": 200, "body": ""}),
    "unknown keys": changed(something_new={"deep": [1, 2]}),
    "lone surrogate escaped": changed(user_agent="\u2028 🚀"),
    "9 digits": changed(timestamp="2026-11-20T10:00:00.123456789+08:00"),
    "negative ttft": changed(ttft_ms=-3),
}


@pytest.mark.parametrize("name", STORED)
def test_odd_element_is_stored_clean(name):
    result = store(make_upstream(), STORED[name])
    assert (result.stored, result.dead_lettered) == (1, 0)
    event = UsageEvent.objects.get()
    assert "\x00" not in json.dumps([event.fail_body, event.details])
    assert len(event.fail_body or "") <= 4000


def test_missing_token_counts_are_not_reported_rather_than_zero():
    store(make_upstream(), STORED["no tokens"])
    assert UsageEvent.objects.get().total_tokens is None
    assert UsageHourly.objects.get().total_tokens is None


def test_page_ingested_again_changes_nothing():
    upstream, events = make_upstream(), [make_event(), make_event(), "bad"]
    first, again = store(upstream, *events, batch="b"), store(upstream, *events, batch="b")
    assert (first.stored, first.dead_lettered) == (2, 1)
    assert (again.stored, again.duplicates, again.dead_lettered) == (0, 3, 0)
    assert sum(UsageHourly.objects.values_list("attempts", flat=True)) == 2


def test_same_event_with_its_keys_in_another_order_is_the_same():
    upstream, event = make_upstream(), make_event()
    store(upstream, event)
    assert store(upstream, dict(reversed(event.items()))).duplicates == 1


def test_same_event_of_another_upstream_is_another():
    event = make_event()
    assert store(make_upstream(), event).stored == store(make_upstream(), event).stored == 1


def test_events_that_differ_in_a_nanosecond_are_two():
    event = make_event(timestamp="2026-11-20T10:00:00.000000001Z")
    assert (
        store(
            make_upstream(), event, {**event, "timestamp": "2026-11-20T10:00:00.000000002Z"}
        ).stored
        == 2
    )


def test_element_that_the_database_refuses_stands_alone(monkeypatch):
    original = page_parser._columns

    def columns(record, *rest):
        row = original(record, *rest)
        return (*row[:3], 2**70, *row[4:]) if record.model == "poison" else row

    monkeypatch.setattr(page_parser, "_columns", columns)
    result = store(
        make_upstream(),
        *[make_event() for _ in range(4)],
        make_event(model="poison"),
        *[make_event() for _ in range(4)],
    )
    assert (result.stored, result.dead_lettered) == (8, 1)
    assert DeadLetter.objects.get().reason == Reason.NOT_STORABLE


PAGE = json.dumps([make_event(), make_event(), make_event()]).encode()


@pytest.mark.parametrize("cut", [1, 2, len(PAGE) // 2, len(PAGE) - 1])
def test_page_cut_short_gives_the_elements_that_arrived_whole(cut):
    upstream = make_upstream()
    whole, rest = split_page(PAGE[:cut])
    result = ingest(PAGE[:cut], "cut", upstream, Attribution(upstream))
    assert result.stored == len(whole)
    assert DeadLetter.objects.count() == (1 if rest else 0)
    assert all(json.loads(element)["request_id"] for element in whole)


@pytest.mark.parametrize(
    "page", [b'{"error":"x"}', b"<html>", b"\xff\xfe", b"null", b"[" * 100_000]
)
def test_answer_that_is_no_page_is_one_dead_letter(page):
    upstream = make_upstream()
    result = ingest(page, "odd", upstream, Attribution(upstream))
    assert (result.stored, result.dead_lettered) == (0, 1)
    assert DeadLetter.objects.get().reason == Reason.INVALID_PAGE


def test_secrets_are_masked_wherever_they_are_kept():
    body = (
        '{"error":"bad key sk-or-v1-EXAMPLEKEY for sk-client-team-secret and Bearer abcdefghijkl"}'
    )
    event = make_event(
        api_key="sk-client-team-secret",
        source="plain-provider-key-0815",
        auth_type="apikey",
        failed=True,
        fail={"status_code": 401, "body": body},
        user_agent="tool/plain-provider-key-0815",
        response_headers={"Set-Cookie": ["s=1"], "X-Request-Id": ["req_sk-client-team-secret"]},
    )
    upstream = make_upstream()
    store(upstream, event)
    kept = (
        json.dumps([UsageEvent.objects.get().fail_body, UsageEvent.objects.get().details])
        + str(upstream.credentials.get())
        + str(upstream.client_keys.get())
    )
    for secret in ("EXAMPLEKEY", "team-secret", "abcdefghijkl", "provider-key", "s=1"):
        assert secret not in kept
