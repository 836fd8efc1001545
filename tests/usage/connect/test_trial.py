"""Trying a key and a model: the word that comes back, or the exact reason why none does; recorded,
limited, and without a trace of the key."""

import json
from dataclasses import replace

import pytest

from management_proxy.client_api import requests
from management_proxy.client_api.protocols import PROTOCOLS
from management_proxy.proxy.pass_through import bulkhead
from monitoring.models import AuditEntry
from providers.models import ClientKey
from tests.factories import make_client_key
from tests.usage.connect.conftest import fault
from usage.connect.trial import MOST_A_MINUTE, TooMany, try_model

CHAT = PROTOCOLS["chat"]


def tried(row, model, protocol=CHAT):
    return try_model(row, row.owner, protocol, model)


def code_of(trial):
    assert trial.text == ""
    assert trial.reason
    return trial.reason.code


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_one_word_comes_back_and_counts_as_usage_of_the_key(simulator, row, text, model, protocol):
    simulator.app.state.queue.pop(100)

    trial = tried(row, model, protocol)

    assert (trial.status, trial.text, trial.reason) == (200, "ok", None)
    (event,) = (json.loads(raw) for raw in simulator.app.state.queue.pop(100))
    assert (event["api_key"], event["alias"]) == (text, model)
    entry = AuditEntry.objects.get(action="client_key.tried")
    assert (entry.actor, entry.outcome, entry.target) == ("ada", "succeeded", "laptop")
    assert entry.detail["model"] == model
    assert text not in json.dumps(entry.detail)


def test_a_model_that_is_not_served_is_named_as_that(row):
    trial = tried(row, "nope")

    assert code_of(trial) == "unsupported_model"
    assert trial.wording == "unknown provider for model nope"
    assert trial.reason.guidance


@pytest.mark.parametrize(
    ("state", "expected"),
    [("active", "key_unknown"), ("withheld", "key_withheld"), ("requested", "key_pending")],
)
def test_a_key_that_is_not_listed_is_not_sent(upstream, row, simulator, model, state, expected):
    simulator.app.state.queue.pop(100)
    other = make_client_key(upstream, "sk-never-listed-0123456789", owner=row.owner, state=state)

    assert code_of(tried(other, model)) == expected
    assert simulator.app.state.queue.pop(100) == []


COOLDOWN = {
    "error": {
        "code": "model_cooldown",
        "message": "All credentials for model x are cooling down",
        "reset_seconds": 754,
    }
}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, COOLDOWN, "cooldown"),
        (401, {"error": "Invalid API key"}, "key_refused"),
        (401, {"error": {"message": "token has expired"}}, "expired_token"),
        (403, {"error": "unsafe_example_api_key", "message": "…"}, "safe_mode"),
        (404, "", "no_route"),
        (503, {"error": {"message": "auth_not_found: no auth available"}}, "upstream_fault"),
        (503, {"error": {"message": "Overloaded"}}, "overloaded"),
    ],
)
def test_every_refusal_has_its_reason(simulator, row, model, status, body, expected):
    fault(simulator, kind="status", status=status, body=json.dumps(body) if body else "")

    trial = tried(row, model)

    assert (code_of(trial), trial.status) == (expected, status)
    entry = AuditEntry.objects.get(action="client_key.tried")
    assert (entry.outcome, entry.detail["reason"]) == ("failed", expected)
    assert trial.reason.seconds == (754 if expected == "cooldown" else None)


def test_secrets_in_an_error_are_masked(simulator, row, model, text):
    body = json.dumps({"error": {"message": f"bad key {text} of sk-ant-0123456789abcdef0123"}})
    fault(simulator, kind="status", status=400, body=body)

    trial = tried(row, model)

    assert text not in trial.wording
    assert "0123456789abcdef" not in trial.wording


def test_an_upstream_that_hangs_is_left_in_time(simulator, row, model, monkeypatch):
    monkeypatch.setattr(requests, "TRIAL", replace(requests.TRIAL, idle=0.3, total=0.3))
    fault(simulator, kind="hang_before_headers", seconds=2)

    assert code_of(tried(row, model)) == "timeout"


def test_an_upstream_that_is_gone_is_reported_so(upstream, row, model):
    upstream.management_url = "http://127.0.0.1:9/v0/management"
    upstream.save()

    assert code_of(tried(ClientKey.objects.get(pk=row.pk), model)) == "unreachable"


def test_a_full_process_sends_nothing(upstream, row, model):
    slots = bulkhead()
    for _ in range(slots.slots):
        slots.take(upstream.pk)
    try:
        assert code_of(tried(row, model)) == "busy"
    finally:
        for _ in range(slots.slots):
            slots.give_back(upstream.pk)


def test_a_user_may_try_six_times_a_minute(row, model):
    for _ in range(MOST_A_MINUTE):
        assert tried(row, model).text == "ok"
    with pytest.raises(TooMany):
        tried(row, model)

    outcomes = AuditEntry.objects.filter(action="client_key.tried").values_list(
        "outcome", flat=True
    )
    assert sorted(outcomes) == ["refused", *["succeeded"] * MOST_A_MINUTE]
