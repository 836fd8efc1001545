"""What is repeated, how often, and within which budget."""

from collections.abc import Iterator

import pytest

from management_proxy.client.errors import (
    Broken,
    ConnectTimeout,
    NotReached,
    ResponseTimeout,
    ResponseTooLarge,
)
from management_proxy.proxy import pass_through
from management_proxy.proxy.limits import retry
from management_proxy.proxy.limits.retry import Outcome, RetryBudget, pause_before_next
from management_proxy.proxy.rules.policy import Policy
from management_proxy.proxy.rules.policy_table import rows_for_path
from management_proxy.simulator import running_simulator
from tests.management_proxy.proxied import (
    URL,
    fault,
    forget_everything,
    request_count,
    signed_in,
    upstream_of,
)

pytestmark = pytest.mark.django_db


def policy(path: str = "debug", method: str = "GET") -> Policy:
    return next(row for row in rows_for_path(path) if method in row.methods)


REPEATABLE = [
    Outcome(error=NotReached()),
    Outcome(error=Broken()),
    Outcome(error=ConnectTimeout()),
    *(Outcome(status=s) for s in (502, 503, 504)),
]
FINAL = [
    Outcome(error=ResponseTimeout()),
    Outcome(error=ResponseTooLarge()),
    *(Outcome(status=status) for status in (200, 400, 401, 403, 404, 408, 409, 429, 500, 501)),
]


@pytest.mark.parametrize("outcome", REPEATABLE)
def test_failures_that_committed_nothing_are_repeated_twice_at_most(outcome):
    pauses = [pause_before_next(policy(), outcome, attempts, 10) for attempts in (1, 2, 3)]
    assert pauses[0] is not None
    assert pauses[0] <= 0.1
    assert pauses[1] is not None
    assert pauses[1] <= 0.2
    assert pauses[2] is None


@pytest.mark.parametrize("outcome", FINAL)
def test_everything_else_is_not_repeated(outcome):
    assert pause_before_next(policy(), outcome, 1, 10) is None


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("debug", "PUT"),
        ("codex-auth-url", "GET"),
        ("auth-files", "DELETE"),
        ("reset-quota", "POST"),
    ],
)
def test_writes_and_starts_are_never_repeated(path, method):
    assert [pause_before_next(policy(path, method), outcome, 1, 10) for outcome in REPEATABLE] == [
        None
    ] * len(REPEATABLE)


def test_retry_after_is_honoured_or_ends_it():
    assert pause_before_next(policy(), Outcome(status=503, retry_after=2), 1, 10) == 2
    assert pause_before_next(policy(), Outcome(status=503, retry_after=6), 1, 10) is None
    assert pause_before_next(policy(), Outcome(status=503, retry_after=2), 1, 1.5) is None


def test_jitter_is_drawn_from_all_of_the_range(monkeypatch):
    drawn = []
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: drawn.append((low, high)) or 0)
    for attempts in (1, 2):
        pause_before_next(policy(), Outcome(status=503), attempts, 10)
    assert drawn == [(0, 0.1), (0, 0.2)]


def test_budget_is_a_tenth_of_the_requests():
    budget = RetryBudget()
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert spent == 100


def test_budget_saves_up_no_more_than_ten():
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn()
    assert sum(budget.spend() for _ in range(50)) == 10


@pytest.fixture
def simulator() -> Iterator:
    with running_simulator(key="management-key-for-tests") as simulator:
        upstream_of(simulator)
        yield simulator
        forget_everything()


def test_read_is_repeated_until_it_succeeds(simulator):
    staff = signed_in()
    for _ in range(20):
        staff.get(URL + "debug")
    fault(simulator, "status", "debug", status=503)
    fault(simulator, "reset", "debug")
    response = staff.get(URL + "debug")
    assert (response.status_code, request_count(simulator, "debug")) == (200, 23)
    assert pass_through.retry_budget.cache_info().currsize == 1


@pytest.mark.parametrize(("kind", "fields"), [("status", {"status": 503}), ("reset", {})])
def test_write_is_sent_once(simulator, kind, fields):
    staff = signed_in()
    for _ in range(20):
        staff.get(URL + "debug")
    fault(simulator, kind, "reset-quota", count=None, **fields)
    response = staff.post(URL + "reset-quota", {"auth_index": "x"}, content_type="application/json")
    assert (response.status_code, response.json()["error"]["details"]["attempts"]) == (502, 1)
    assert request_count(simulator, "POST") == 1


def test_spent_budget_leaves_one_attempt_each(simulator):
    staff = signed_in()
    fault(simulator, "status", "ws-auth", status=503, count=None)
    for _ in range(9):
        assert staff.get(URL + "ws-auth").json()["error"]["details"]["attempts"] == 1
