"""Metrics: who may read them, that several processes add up, and that dead ones are not
forgotten."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import Error as DatabaseError

from monitoring import leases
from monitoring.metrics import registry as metrics
from tests.factories import make_event, make_upstream, make_user, store

pytestmark = pytest.mark.django_db
TOKEN = "scraper-token-of-tests"
COUNT = """
import os, sys
from prometheus_client import Counter, Gauge, Histogram
Counter("calls", "x", ["route"]).labels("config").inc(int(sys.argv[1]))
Histogram("took_seconds", "x").observe(0.2)
Gauge("in_flight", "x", multiprocess_mode="livesum").set(3)
print(os.getpid())
"""


def counting_process(folder: Path, count: int) -> int:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return int(
        subprocess.run(
            [sys.executable, "-c", COUNT, str(count)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
def test_stranger_is_refused(client, settings, token):
    settings.METRICS_TOKEN = TOKEN
    response = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert b"_total" not in response.content


def test_empty_token_lets_no_caller_in(client):
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_bearer_of_the_token_and_staff_are_let_in(client, settings):
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    client.force_login(make_user("bob"))
    assert client.get("/metrics").status_code == 403
    client.force_login(make_user("ada", staff=True))
    assert client.get("/metrics").status_code == 200


def test_database_gauges_report_leases_findings_and_collection():
    upstream = make_upstream(name="east")
    store(upstream, make_event(), "no object")
    leases.acquire(upstream.collect_lease, 30)
    reported = metrics.exposition().decode()
    for line in (
        f'monitoring_lease_held{{lease="{upstream.collect_lease}"}} 1.0',
        'usage_dead_letters_pending{reason="not_an_object"} 1.0',
        'usage_dead_letters_pending{reason="invalid_field"} 0.0',
        'monitoring_findings{level="error"}',
    ):
        assert line in reported
    assert 'monitoring_source_failed{source="leases"} 0.0' in reported


def test_free_lease_is_reported_as_not_held():
    leases.release(leases.acquire("alerts", 30))
    assert 'monitoring_lease_held{lease="alerts"} 0.0' in metrics.exposition().decode()


@pytest.mark.parametrize("error", [DatabaseError, TypeError])
def test_source_that_fails_hides_no_other(monkeypatch, error):
    def broken():
        raise error("gone")

    monkeypatch.setitem(metrics._sources, "broken", broken)
    reported = metrics.exposition().decode()
    assert 'monitoring_source_failed{source="broken"} 1.0' in reported
    assert "monitoring_findings" in reported


def test_processes_add_up_and_the_dead_stay_counted(tmp_path, monkeypatch):
    pids = [counting_process(tmp_path, count) for count in (2, 5)]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def total(name):
        return sum(value for _, value in metrics.summed(name))

    assert (total("calls_total"), total("took_seconds_count"), total("in_flight")) == (7, 2, 6)
    metrics.fold_worker(tmp_path, pids[0])
    assert (total("calls_total"), total("took_seconds_count"), total("in_flight")) == (7, 2, 3)
    metrics.fold_worker(tmp_path, pids[1])
    assert {file.name for file in tmp_path.iterdir()} == {"counter_0.db", "histogram_0.db"}
    assert (total("calls_total"), total("in_flight")) == (7, 0)
    metrics.begin_counting(tmp_path)
    assert total("calls_total") == 0


def test_damaged_file_of_a_killed_worker_stops_nothing(tmp_path):
    (tmp_path / "counter_77.db").write_bytes(b"\xff\xff\xff\x7f" + b"\x01" * 40)
    metrics.fold_worker(tmp_path, 77)
    assert not (tmp_path / "counter_77.db").exists()


def test_no_secret_is_a_label(client, settings):
    settings.MANAGEMENT_API_KEY = "management-key-of-tests"
    store(make_upstream(), make_event(api_key="sk-client-key-very-secret"))
    client.get("/usage/?tz=sk-in-a-query-secret")
    client.get("/sk-in-a-path-secret/")
    reported = metrics.exposition().decode()
    for secret in (
        "very-secret",
        "in-a-query",
        "in-a-path",
        "management-key-of-tests",
        "alice@example.com",
    ):
        assert secret not in reported
