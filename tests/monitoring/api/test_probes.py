"""The probes: what they check, what they show to whom, and how often they read."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError
from django.test import Client

from management_proxy.models import UpstreamBreaker
from monitoring.api import probes
from tests.factories import make_upstream

pytestmark = pytest.mark.django_db


@pytest.fixture
def ill_upstream():
    upstream = make_upstream()
    UpstreamBreaker.objects.create(
        upstream=upstream, state=UpstreamBreaker.State.OPEN, until=datetime.now(UTC)
    )
    return upstream


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/health"])
def test_all_is_well_for_anyone(client: Client, path: str):
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_an_ill_upstream_shows_in_health_alone(client: Client, admin_client: Client, ill_upstream):
    assert client.get("/readyz").status_code == 200
    response = client.get("/api/health")
    assert (response.status_code, response.json()) == (503, {"status": "degraded"})
    assert admin_client.get("/api/health").json() == {
        "status": "degraded",
        "database": "connected",
        "proxy": "error",
    }


def test_a_spool_that_cannot_be_written_makes_it_unready(
    client: Client, admin_client: Client, settings, tmp_path
):
    (tmp_path / "file").write_text("")
    settings.SPOOL_DIR = tmp_path / "file"
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"status": "not ready"})
    assert admin_client.get("/readyz").json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "spool": "not ok",
    }


def test_a_missing_migration_makes_it_unready(client: Client, monkeypatch):
    known = probes._known_migrations()
    monkeypatch.setattr(probes, "_known_migrations", lambda: known | {("usage", "9999_later")})
    assert client.get("/readyz").status_code == 503


def test_without_a_database_it_lives_and_is_not_ready(client: Client, admin_client, monkeypatch):
    def no_database() -> bool:
        raise DatabaseError("gone")

    monkeypatch.setattr(probes, "_database", no_database)
    assert client.get("/healthz").status_code == 200
    assert admin_client.get("/readyz").json() == {"status": "not ready"}
    assert admin_client.get("/api/health").json() == {"status": "degraded"}


def test_many_callers_are_one_read_a_second(client: Client, monkeypatch):
    reads = []
    monkeypatch.setattr(probes, "_database", lambda: bool(reads.append(1)) or True)
    for _ in range(20):
        client.get("/readyz")
    assert len(reads) == 1


def test_probes_pass_unencrypted_behind_https(client: Client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/readyz").status_code == 200
    assert client.get("/login/").status_code == 301
