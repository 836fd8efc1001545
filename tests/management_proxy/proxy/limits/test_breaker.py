"""The breaker: when it opens, who tries, when it closes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from management_proxy.models import Upstream, UpstreamBreaker
from management_proxy.proxy.limits import shared_breaker
from management_proxy.proxy.limits.breaker import (
    FEWEST_ATTEMPTS,
    FIRST_OPEN_SECONDS,
    LONGEST_OPEN_SECONDS,
    WINDOW_SECONDS,
    Circuit,
    State,
    Window,
)
from management_proxy.simulator import running_simulator
from management_proxy.upstreams.registry import find_upstream
from monitoring import health
from monitoring.models import AuditEntry
from tests.concurrency import times
from tests.factories import make_upstream
from tests.management_proxy.proxied import (
    URL,
    fault,
    forget_everything,
    request_count,
    signed_in,
    upstream_of,
)


def trips(outcomes: list[tuple[float, bool]]) -> bool:
    window = Window()
    return [window.note(failed, at) for at, failed in outcomes][-1]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(0, True)] * (FEWEST_ATTEMPTS - 1), False),
        ([(0, True)] * FEWEST_ATTEMPTS, True),
        ([(0, False)] * 11 + [(0, True)] * 10, False),
        ([(0, False)] * 10 + [(0, True)] * 10, True),
        ([(0, True)] * 10 + [(0, False)], False),
        ([(0, True)] * 9 + [(WINDOW_SECONDS + 1, True)], False),
        ([(0, False)] * 100 + [(WINDOW_SECONDS + 1, True)] * 10, True),
    ],
)
def test_window_trips_on_half_of_enough_attempts(outcomes, expected):
    assert trips(outcomes) is expected


def test_each_opening_after_a_failed_trial_lasts_twice_as_long():
    circuit, lasted = Circuit(), []
    for _ in range(6):
        circuit = circuit.opened(100.0)
        lasted.append(circuit.until - 100)
    assert lasted == [FIRST_OPEN_SECONDS, 10, 20, 40, LONGEST_OPEN_SECONDS, LONGEST_OPEN_SECONDS]


def test_callers_wait_until_it_may_be_tried():
    assert Circuit().wait(5) == 0
    assert Circuit(State.OPEN, until=8).wait(5) == 3
    assert Circuit(State.HALF_OPEN, until=8).wait(9) == 0


@pytest.fixture
def simulator() -> Iterator:
    with running_simulator(key="management-key-for-tests") as simulator:
        upstream_of(simulator)
        yield simulator
        forget_everything()


def the_time_is_over() -> None:
    UpstreamBreaker.objects.update(until=datetime.now(UTC) - timedelta(seconds=1))


def ask(staff, times: int = 1) -> list[str]:
    responses = [staff.get(URL + "ws-auth") for _ in range(times)]
    return [r.json()["error"]["code"] if r.status_code != 200 else "passed" for r in responses]


@pytest.mark.django_db
def test_it_opens_tries_and_closes(simulator):
    staff = signed_in()
    fault(simulator, "status", "ws-auth", status=503, count=11)
    assert ask(staff, 12) == ["UPSTREAM_UNAVAILABLE"] * 10 + ["BREAKER_OPEN"] * 2
    assert request_count(simulator) == 10
    assert UpstreamBreaker.objects.get().reason == "status 503"
    the_time_is_over()
    assert ask(staff, 2) == ["UPSTREAM_UNAVAILABLE", "BREAKER_OPEN"]
    assert UpstreamBreaker.objects.get().strikes == 2
    the_time_is_over()
    assert ask(staff, 3) == ["passed"] * 3
    assert UpstreamBreaker.objects.get().state == State.CLOSED


@pytest.mark.django_db
def test_refusal_tells_when_to_come_again(simulator):
    UpstreamBreaker.objects.create(
        upstream=Upstream.objects.get(),
        state=State.OPEN,
        until=datetime.now(UTC) + timedelta(seconds=30),
    )
    response = signed_in().get(URL + "ws-auth")
    assert (response.status_code, response.json()["error"]["details"]["attempts"]) == (503, 0)
    assert 29 <= int(response["Retry-After"]) <= 31


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "fields"),
    [("status", {"status": 500}), ("status", {"status": 429}), ("huge", {"bytes": 100_000})],
)
def test_responses_that_prove_the_upstream_alive_do_not_open_it(simulator, kind, fields):
    fault(simulator, kind, "ws-auth", count=None, **fields)
    staff = signed_in()
    for _ in range(12):
        staff.get(URL + "ws-auth")
    assert request_count(simulator) == 12


@pytest.mark.django_db
def test_faults_of_others_whom_the_upstream_asks_do_not_open_it(simulator):
    fault(simulator, "status", "latest-version", status=502, count=None)
    staff = signed_in()
    assert {staff.get(URL + "latest-version").status_code for _ in range(12)} == {502}
    assert request_count(simulator) == 12


@pytest.mark.django_db(transaction=True)
def test_of_many_callers_one_wins_the_trial():
    upstream = make_upstream()
    UpstreamBreaker.objects.create(upstream=upstream, state=State.OPEN, until=datetime.now(UTC))
    callers = [find_upstream(upstream.name) for _ in range(8)]

    def try_to_enter(number: int) -> bool:
        try:
            shared_breaker.admit(callers[number])
        except shared_breaker.BreakerOpen:
            return False
        return True

    won = times(8, try_to_enter)
    assert sum(won) == 1
    assert UpstreamBreaker.objects.get().state == State.HALF_OPEN


@pytest.mark.django_db
def test_trial_that_tells_nothing_lets_the_next_one_try(simulator):
    upstream = Upstream.objects.get()
    UpstreamBreaker.objects.create(
        upstream=upstream, state=State.OPEN, until=datetime.now(UTC), strikes=1
    )
    shared_breaker.report(shared_breaker.admit(find_upstream()), None)
    assert shared_breaker.admit(find_upstream()).trial is not None


@pytest.mark.django_db
def test_open_breaker_is_a_finding_shown_and_closed_by_staff(simulator):
    UpstreamBreaker.objects.create(
        upstream=Upstream.objects.get(),
        state=State.OPEN,
        until=datetime.now(UTC) + timedelta(seconds=30),
        reason="status 503",
    )
    (finding,) = [found for found in health.findings() if found.check == "breaker"]
    assert "status 503" in finding.why
    staff = signed_in()
    assert "✕ open" in staff.get("/monitoring/").content.decode()
    staff.post(f"/monitoring/breakers/{Upstream.objects.get().pk}/close/")
    assert ask(staff) == ["passed"]
    assert AuditEntry.objects.get().action == "breaker.closed"
    assert (
        signed_in(staff=False)
        .post(f"/monitoring/breakers/{Upstream.objects.get().pk}/close/")
        .status_code
        == 403
    )
