"""Comparing counters with stored events, on figures alone."""

from itertools import pairwise

import pytest

from usage.completeness.matching import Line, counted_between, looks_stolen, reconcile


def lines(**accounts: tuple[int, int]) -> dict[str, Line]:
    """Account -> (counted successes, stored successes)."""
    return {
        account: Line(counted_success=counted, stored_success=stored)
        for account, (counted, stored) in accounts.items()
    }


def match(counted: dict[str, int], stored: dict[str, int], before=None, carried=None, reset=()):
    as_counted = {a: Line(counted_success=n) for a, n in counted.items()}
    return reconcile(
        as_counted,
        {a: Line(stored_success=n) for a, n in stored.items()},
        before or {},
        carried or {},
        reset,
    )


def test_what_was_counted_and_is_not_stored_is_missing():
    result = match({"a": 10, "b": 4}, {"a": 7, "b": 4})
    assert {account: line.missing for account, line in result.lines.items()} == {"a": 3, "b": 0}


def test_attempt_counted_in_the_next_interval_is_carried_there():
    first = match({"a": 9}, {"a": 10})
    assert (first.lines["a"].missing, first.carried) == (0, {"a": 1})
    assert match({"a": 11}, {"a": 10}, first.lines, first.carried).lines["a"].missing == 0


def test_event_that_came_in_the_next_interval_is_given_back_to_the_one_before():
    first = match({"a": 10}, {"a": 9})
    second = match({"a": 10}, {"a": 11}, first.lines, first.carried)
    assert (first.lines["a"].missing, second.given_back, second.carried) == (1, {"a": 1}, {})


def test_surplus_is_bounded_and_forgotten_once_the_account_is_idle():
    first = match({"a": 10}, {"a": 40})
    assert first.carried == {"a": 5}
    idle = match({}, {}, first.lines, first.carried)
    assert match({"a": 10}, {"a": 5}, idle.lines, idle.carried).lines["a"].missing == 5


def test_steady_flow_of_events_counted_one_interval_late_is_no_loss():
    late, result = [2, 3, 1, 4, 0], match({"a": 8}, {"a": 10})
    for before, now in pairwise(late):
        result = match({"a": 10 + before}, {"a": 10 + now}, result.lines, result.carried)
        assert result.lines["a"].missing == 0


def test_counters_that_all_fell_mean_a_restart():
    counted = counted_between(
        {"a": [10, 1], "b": [5, 0], "idle": [0, 0]}, {"a": [2, 0], "b": [0, 0], "idle": [0, 0]}
    )
    assert counted.restarted
    assert counted.lines == {"a": Line(counted_success=2)}


def test_single_counter_that_fell_is_an_account_made_anew():
    counted = counted_between({"a": [10, 1], "b": [5, 0]}, {"a": [1, 0], "b": [6, 2]})
    assert (counted.restarted, counted.reset_accounts) == (False, ["a"])
    assert counted.lines["b"] == Line(counted_success=1, counted_failed=2)


def test_account_without_events_after_a_reset_is_missing_what_it_counted_since():
    assert match({"a": 3}, {}, reset=["a"]).lines["a"].missing == 3
    assert match({"a": 3}, {"a": 9}, reset=["a"]).lines["a"].missing == 0


@pytest.mark.parametrize(
    ("counted", "stored", "may_count_tokens", "stolen"),
    [
        (1000, 996, 0, False),  # streams cut before their usage
        (1000, 900, 0, True),
        (137, 134, 0, False),  # a real server at the edges of a short interval
        (5, 2, 0, False),
        (1000, 600, 600, False),  # clients of the Claude interface count tokens
        (12, 0, 0, True),  # nothing at all arrives
        (4, 0, 0, False),
    ],
)
def test_another_consumer_is_told_from_attempts_without_an_event(
    counted, stored, may_count_tokens, stolen
):
    line = Line(
        counted_success=counted,
        stored_success=stored,
        missing=counted - stored,
        may_count_tokens=may_count_tokens,
    )
    assert looks_stolen({"a": line}, {}) is stolen


def test_one_account_that_tells_is_enough():
    claude = Line(counted_success=100, stored_success=50, missing=50, may_count_tokens=50)
    codex = Line(counted_success=100, stored_success=50, missing=50)
    assert looks_stolen({"claude": claude, "codex": codex}, {})
    whole = Line(counted_success=100, stored_success=100)
    assert not looks_stolen({"claude": claude, "codex": whole}, {})


def test_thefts_too_few_for_one_interval_show_over_the_hour():
    little = Line(counted_success=6, stored_success=3, missing=3)
    assert not looks_stolen({"a": little}, {})
    assert looks_stolen({"a": little}, {"a": little})


def test_failures_before_anything_was_sent_are_no_theft():
    line = Line(counted_success=100, counted_failed=20, stored_success=100, missing=20)
    assert not looks_stolen({"a": line}, {})


def test_line_is_split_into_events_without_losing_any():
    line = Line(stored_success=3, stored_failed=2, may_count_tokens=4)
    part, rest = line.split(4)
    assert (part.stored, rest.stored, part + rest) == (4, 1, line)
