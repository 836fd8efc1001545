"""Traffic of the proxy: counted by every process, added up in the database, reported by route and
phase."""

import re
import time
from datetime import timedelta

import pytest
from django.db import Error as DatabaseError
from django.utils import timezone

from management_proxy.models import ProxyTraffic
from management_proxy.proxy.rules.policy_table import POLICIES
from management_proxy.proxy.write_funnel import ProxiedResponse
from management_proxy.simulator import running_simulator
from management_proxy.traffic import metrics
from management_proxy.traffic import recording as traffic
from management_proxy.traffic.calls import Call
from management_proxy.traffic.queries import REASONS, report
from management_proxy.traffic.recording import BINS, GROWTH, Recorder, bin_of, seconds_of
from monitoring.metrics.registry import exposition, summed
from tests.concurrency import times
from tests.factories import make_upstream, make_user
from tests.management_proxy.proxied import URL, forget_everything, signed_in, upstream_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def a_call(route="debug", outcome="passed", status=200, **fields) -> Call:
    times = {
        "connect_seconds": 0.001,
        "first_byte_seconds": 0.05,
        "body_seconds": 0.002,
        "total_seconds": 0.06,
    }
    call = Call(
        method="GET",
        request_id="r",
        route=route,
        upstream="east",
        attempts=1,
        bytes_in=10,
        bytes_out=100,
    )
    for name, value in {**times, "outcome": outcome, "status": status, **fields}.items():
        setattr(call, name, value)
    return call


def stored(*calls: Call) -> None:
    recorder = Recorder()
    for call in calls:
        recorder.note(call)
    recorder.flush()


def test_report_adds_up_what_several_processes_stored():
    stored(*[a_call() for _ in range(9)], a_call(outcome="UPSTREAM_TIMEOUT", status=504))
    stored(a_call(), a_call("config"))
    found = report(HOUR)
    assert (
        found.everything.calls,
        found.everything.failures,
        found.everything.attempts,
        found.everything.bytes_out,
    ) == (12, 1, 12, 1200)
    assert [(line.route, line.calls) for line in found.lines] == [("debug", 11), ("config", 1)]
    assert found.reasons == [
        {
            "reason": "UPSTREAM_TIMEOUT",
            "meaning": "a limit of ours passed",
            "count": 1,
            "share": 100.0,
        }
    ]
    assert report(HOUR, "west").everything.calls == 0


@pytest.mark.parametrize("seconds", [0.0001, 0.0013, 0.07, 2.5, 59, 300])
def test_percentile_is_within_a_quarter(seconds):
    assert abs(seconds_of(bin_of("ours", seconds)) / seconds - 1) < GROWTH**0.5 - 1 + 0.001
    assert bin_of("body", 1e9) == 6 * BINS - 1
    assert bin_of("total", 0) == 0


def test_percentiles_are_told_by_phase():
    stored(
        *[a_call() for _ in range(90)],
        *[a_call(first_byte_seconds=5, total_seconds=5.1) for _ in range(10)],
    )
    (line,) = report(HOUR).lines
    assert line.total["p50"] == pytest.approx(60, rel=0.25)
    assert line.total["p95"] == pytest.approx(5100, rel=0.25)
    split = {phase["phase"]: phase for phase in line.split}
    assert max(split.values(), key=lambda phase: phase["share"])["phase"] == "first_byte"
    assert sum(phase["share"] for phase in split.values()) == pytest.approx(100)


def test_what_the_database_does_not_take_is_kept(monkeypatch):
    recorder = Recorder()
    recorder.note(a_call())

    def refuse(*_):
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(traffic, "_add_to_row", refuse)
        with pytest.raises(DatabaseError):
            recorder.flush()
    recorder.note(a_call())
    recorder.flush()
    assert report(HOUR).everything.calls == 2


def test_memory_is_bounded_while_the_database_is_away(monkeypatch):
    monkeypatch.setattr(traffic, "MOST_PENDING", 3)
    recorder = Recorder()
    for number in range(10):
        recorder.note(a_call(f"route-{number}"))
    recorder.note(a_call("route-0"))
    recorder.flush()
    assert report(HOUR).everything.calls == 4


@pytest.mark.django_db(transaction=True)
def test_processes_that_store_at_once_lose_nothing():
    def store_many(_number):
        for _ in range(20):
            stored(a_call(), a_call("config"))

    times(4, store_many)
    assert {line.route: line.calls for line in report(HOUR).lines} == {"debug": 80, "config": 80}


def test_old_rows_are_deleted():
    stored(a_call())
    ProxyTraffic.objects.update(started_at=timezone.now() - traffic.KEPT - HOUR)
    stored(a_call())
    assert traffic.prune() == 1
    assert ProxyTraffic.objects.count() == 1


def test_call_through_the_proxy_is_counted_in_all_its_phases():
    def counted(name, **labels):
        return sum(value for found, value in summed(name) if labels.items() <= found.items())

    with running_simulator(key="management-key-for-tests") as simulator:
        upstream_of(simulator, "counted")
        before = counted("management_proxy_calls_total", route="debug")
        staff = signed_in()
        staff.get(URL + "debug")
        staff.put(URL + "debug", b"x" * 5000, content_type="application/json")
        forget_everything()
    assert counted("management_proxy_calls_total", route="debug") - before == 2
    assert (
        counted("management_proxy_phase_seconds_count", upstream="counted", phase="first_byte") >= 1
    )
    assert counted("management_proxy_attempts_total", upstream="counted") >= 1
    assert counted("management_proxy_bytes_total", upstream="counted", direction="out") >= len(
        '{"debug":false}'
    )
    assert (
        counted("management_proxy_rejections_total", upstream="counted", reason="BODY_TOO_LARGE")
        >= 1
    )
    assert counted("management_proxy_in_flight", upstream="counted") == 0
    assert (
        'management_proxy_breaker{state="closed",upstream="counted"} 1.0' in exposition().decode()
    )


def test_call_that_cannot_be_counted_passes(monkeypatch):
    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("management_proxy.traffic.calls._listeners", [full])
    assert signed_in().get(URL + "nothing").status_code == 404


def test_time_in_the_funnel_is_not_ours(monkeypatch):
    make_upstream(name="east", management_url="http://127.0.0.1:9/v0/management")
    ended: list[Call] = []
    monkeypatch.setattr("management_proxy.traffic.calls._listeners", [ended.append])
    monkeypatch.setattr(
        "management_proxy.proxy.views.submit_write",
        lambda *_: time.sleep(0.05) or ProxiedResponse(200, b"{}"),
    )
    signed_in().put(URL + "debug", {"value": True}, content_type="application/json")
    (call,) = ended
    assert metrics.phases_of(call)["waited"] >= 0.05
    assert metrics.phases_of(call)["ours"] <= call.total_seconds - 0.05


def test_labels_stay_closed_whatever_is_requested(client):
    for method, path in (
        ("GET", "sk-secret-path"),
        ("BREW", "debug"),
        ("GET", "@sk-secret-upstream/debug"),
        ("GET", "debug?sk-secret=1"),
    ):
        signed_in().generic(method, URL + path)
    exposed = exposition().decode()
    assert "sk-secret" not in exposed
    assert "BREW" not in exposed
    routes = {labels["route"] for labels, _ in summed("management_proxy_calls_total")}
    assert routes <= {policy.path for policy in POLICIES} | {metrics.UNLISTED, "config"}


def test_every_code_of_the_envelope_is_explained():
    import management_proxy

    sources = "".join(
        path.read_text()
        for folder in management_proxy.__path__
        for path in __import__("pathlib").Path(folder).rglob("*.py")
    )
    codes = set(re.findall(r'Refusal\(\s*\d{3},\s*"([A-Z_]+)"', sources)) | set(
        re.findall(r'"(UPSTREAM_[A-Z_]+)"', sources)
    )
    assert codes
    assert codes - set(REASONS) == set()


def test_pages_are_for_staff_and_show_what_there_is(client):
    stored(a_call(), a_call(outcome="BREAKER_OPEN", status=503, attempts=0))
    for path in ("/monitoring/proxy/", "/monitoring/policies/"):
        client.force_login(make_user())
        assert client.get(path).status_code == 403
    client.force_login(make_user(staff=True))
    page = client.get("/monitoring/proxy/").content.decode()
    for text in ("debug", "the breaker is open", "Where the p95 goes"):
        assert text in page
    region = client.get(
        "/monitoring/proxy/?window=24h", headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in region
    for query in ("window=1y", "upstream=nowhere"):
        assert client.get(f"/monitoring/proxy/?{query}").status_code == 400


def test_policies_are_listed_in_words_and_searched(client):
    client.force_login(make_user(staff=True))

    def rows(query=""):
        return client.get("/monitoring/policies/", {"q": query}).context["rows"]

    assert len(rows()) == len(POLICIES)
    assert {row.policy.path for row in rows("delete_all_auth_files")} == {"auth-files"}
    assert all("get" in row.text for row in rows("GET"))
    assert rows("no such words") == []
    page = client.get("/monitoring/policies/?q=<script>").content.decode()
    assert "<script>" not in page.split("<main")[1]
    assert "Never allowed" in client.get("/monitoring/policies/").content.decode()
