"""Faults reach the client as they were ordered, and pops happen or not as they say."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from management_proxy.simulator import RunningSimulator, running_simulator
from management_proxy.simulator.traffic.hostile import MAKERS
from tests.processes import eventually

PAGE = "/usage-queue?count=10"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with running_simulator(record_handed_out=True) as running:
        yield running


@pytest.fixture
def sim(server: RunningSimulator) -> RunningSimulator:
    server.app.reset()
    return server


@pytest.fixture
def client(sim: RunningSimulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {sim.key}"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as made:
        yield made


def _order(sim: RunningSimulator, client: httpx.Client, **fault: Any) -> None:
    client.post(f"{sim.url}/__control/faults", json=fault).raise_for_status()
    sim.app.generate(10)


def _pop(sim: RunningSimulator, client: httpx.Client, timeout: float = 60) -> httpx.Response:
    return client.get(sim.management_url + PAGE, timeout=timeout)


def test_a_cut_answer_has_popped_all_the_same(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="cut", path="*/usage-queue")
    with pytest.raises(httpx.RemoteProtocolError):
        _pop(sim, client)
    assert len(sim.app.state.queue.handed_out_log or []) == 10
    assert _pop(sim, client).json() == []


def test_a_cut_in_the_body_is_noticed(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="cut_body", bytes=100)
    with pytest.raises(httpx.RemoteProtocolError):
        _pop(sim, client)
    assert len(sim.app.state.queue) == 0


@pytest.mark.parametrize("kind", ["hang_before_headers", "hang_after_headers"])
def test_a_hang_is_ended_by_the_client_and_has_popped(
    sim: RunningSimulator, client: httpx.Client, kind: str
) -> None:
    _order(sim, client, kind=kind)
    with pytest.raises(httpx.ReadTimeout):
        _pop(sim, client, timeout=0.2)
    # On a busy machine the client may give up before the simulator has read its request.
    eventually(lambda: len(sim.app.state.queue) == 0)


def test_a_reset_comes_before_the_pop(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        _pop(sim, client)
    assert len(_pop(sim, client).json()) == 10


def test_a_reset_may_come_after_the_pop(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="reset", when="after")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        _pop(sim, client)
    assert _pop(sim, client).json() == []


def test_a_status_is_answered_so_many_times_and_only_where_ordered(
    sim: RunningSimulator, client: httpx.Client
) -> None:
    _order(sim, client, kind="status", status=502, body="<html>", path="*/usage-queue", count=2)
    assert client.get(f"{sim.management_url}/debug").status_code == 200
    assert [_pop(sim, client).status_code for _ in range(3)] == [502, 502, 200]


def test_a_drip_arrives_whole(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="drip", bytes=4000, seconds=0.001)
    assert len(_pop(sim, client).json()) == 10


def test_a_huge_body(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="huge", bytes=3_000_000)
    assert len(_pop(sim, client).content) == 3_000_000


def test_garbage(sim: RunningSimulator, client: httpx.Client) -> None:
    _order(sim, client, kind="garbage", body="<html>")
    assert _pop(sim, client).text == "<html>"


def test_an_unknown_fault_is_refused(sim: RunningSimulator, client: httpx.Client) -> None:
    assert client.post(f"{sim.url}/__control/faults", json={"kind": "wish"}).status_code == 400


def test_every_hostile_element_is_valid_json_over_http(
    sim: RunningSimulator, client: httpx.Client
) -> None:
    kinds = [*(kind for kind in MAKERS if kind != "deep"), "duplicate"]
    client.post(
        f"{sim.url}/__control/hostile", json={"kinds": kinds, "bytes": 5000}
    ).raise_for_status()
    page = client.get(f"{sim.management_url}/usage-queue?count=100")
    elements = page.json()
    assert len(elements) == len(kinds)
    assert elements[-1] == elements[-2]
    assert "nul \\u0000 inside" in page.text


def test_a_deep_element(sim: RunningSimulator, client: httpx.Client) -> None:
    client.post(f"{sim.url}/__control/hostile", json={"kinds": ["deep"]}).raise_for_status()
    assert _pop(sim, client).content == b"[" * 9001 + b"]" * 9001


def test_a_five_megabyte_event(sim: RunningSimulator, client: httpx.Client) -> None:
    client.post(f"{sim.url}/__control/hostile", json={"kinds": ["big"]}).raise_for_status()
    assert len(_pop(sim, client).content) > 5_000_000


def test_state_counts_attempts_by_route_and_status(
    sim: RunningSimulator, client: httpx.Client
) -> None:
    _pop(sim, client)
    httpx.get(f"{sim.management_url}/debug", trust_env=False)
    state = client.get(f"{sim.url}/__control/state").json()
    assert state["requests"] == {
        "GET /v0/management/debug 401": 1,
        "GET /v0/management/usage-queue 200": 1,
    }
    assert state["failed_logins"] == 1


def test_sums_of_what_was_handed_out(sim: RunningSimulator, client: httpx.Client) -> None:
    sim.app.generate(50)
    events = client.get(f"{sim.management_url}/usage-queue?count=50").json()
    told = client.get(f"{sim.url}/__control/sums").json()
    assert told["count"] == told["sums"]["events"] == 50
    assert told["sums"]["total_tokens"] == sum(event["tokens"]["total_tokens"] for event in events)


def test_a_restart_loses_queue_counters_and_bans(
    sim: RunningSimulator, client: httpx.Client
) -> None:
    sim.app.generate(20)
    for _ in range(5):
        httpx.get(f"{sim.management_url}/debug", headers={"Authorization": "no"}, trust_env=False)
    client.post(f"{sim.url}/__control/restart").raise_for_status()
    assert _pop(sim, client).json() == []
    counters = client.get(f"{sim.url}/__control/state").json()["counters"]
    assert all(one == {"success": 0, "failed": 0} for one in counters.values())


def test_settings(sim: RunningSimulator, client: httpx.Client) -> None:
    settings = {
        "retention": 120,
        "statistics": False,
        "rate": 0,
        "latency": 0,
        "reload_window": 0.5,
        "failure_rate": 0.5,
    }
    client.post(f"{sim.url}/__control/settings", json=settings).raise_for_status()
    config = client.get(f"{sim.management_url}/config").json()
    assert (config["redis-usage-queue-retention-seconds"], config["usage-statistics-enabled"]) == (
        120,
        False,
    )
    assert client.post(f"{sim.url}/__control/settings", json={"nonsense": 1}).status_code == 400


def test_control_is_for_loopback_and_its_key() -> None:
    with running_simulator(control_key="c") as sim:
        assert httpx.get(f"{sim.url}/__control/state", trust_env=False).status_code == 401
        with_key = httpx.get(
            f"{sim.url}/__control/state", headers={"X-Control-Key": "c"}, trust_env=False
        )
        assert with_key.status_code == 200
