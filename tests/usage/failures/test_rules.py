"""Failed attempts are classed as a person would, whoever reported the body first."""

import json
from collections import Counter
from pathlib import Path

import pytest

from management_proxy.simulator.traffic.failures import FAILURES
from usage.failures.guidance import GUIDANCE
from usage.failures.rules import classify, recognised
from usage.models.failures import DIVIDED, FailureClass, group_of, with_members

BODIES = [
    json.loads(line) for line in (Path(__file__).parent / "bodies.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize(
    "known", BODIES, ids=lambda known: f"{known['status']} {known['body'][:40]}"
)
def test_every_known_body_is_classed_as_a_person_would(known):
    got = classify(True, known["status"], known["body"], known["ttft_ms"])
    assert got.value == known["class"], known["source"]


@pytest.mark.parametrize(
    "words",
    ["exceed your account's rate limit", "caller does not have permission", "had an error while"],
)
def test_usual_bodies_of_providers_are_not_unknown(words):
    (known,) = (known for known in BODIES if words in known["body"])
    got = recognised(known["status"], known["body"], known["ttft_ms"])
    assert got
    assert got.value == known["class"]


def test_every_class_but_the_groups_has_a_body_and_every_body_its_source():
    classes = Counter(known["class"] for known in BODIES)
    assert set(classes) == {
        name.value for name in FailureClass if name.value and name not in DIVIDED
    }
    assert all(known["source"] for known in BODIES)


def test_no_failure_of_the_simulator_is_of_a_group_or_unclear():
    for failure in FAILURES:
        got = classify(True, failure.status, failure.text("example", "https://example.com"), 0)
        assert got not in (*DIVIDED, FailureClass.NONE, FailureClass.UNCLEAR), failure


def test_a_success_has_no_class_whatever_its_body():
    assert classify(False, 200, "quota exceeded") is FailureClass.NONE


def test_a_text_beyond_what_is_read_decides_nothing():
    assert classify(True, 500, "x" * 2000 + "model_cooldown") is FailureClass.PROVIDER_FAULT


def test_groups_accept_their_classes_and_old_names_stay_valid():
    assert with_members(["timeout"]) == ["timeout", "timeout_first_byte", "timeout_midway"]
    assert with_members(["wrong_key"]) == ["wrong_key"]
    assert group_of("banned") is FailureClass.AUTH
    assert group_of("cooldown") is FailureClass.COOLDOWN


def test_every_class_has_its_meaning_and_what_to_do():
    assert set(GUIDANCE) == set(FailureClass) - {FailureClass.NONE}
    assert all(len(name.value) <= 20 for name in FailureClass)
