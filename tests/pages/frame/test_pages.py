"""Every page for everybody: staff, an ordinary user, a stranger."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry

from management_proxy.models import Upstream
from monitoring import leases
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def some_usage(**fields):
    upstream = make_upstream()
    now = datetime.now(UTC) - timedelta(minutes=5)
    events = [
        make_event(timestamp=now, **fields),
        make_event(timestamp=now, failed=True, fail={"status_code": 429, "body": "x"}, **fields),
    ]
    store(upstream, *events)
    return upstream


def test_login_is_djangos_own_form(client):
    make_user("ada")
    page = client.get("/login/").content.decode()
    assert 'name="username"' in page
    assert 'name="password"' in page
    assert "csrfmiddlewaretoken" in page
    response = client.post("/login/", {"username": "ada", "password": "correct horse"})
    assert response.status_code == 302
    assert response.url == "/"


@pytest.mark.parametrize("path", ["/usage/", "/monitoring/"])
def test_stranger_is_sent_to_the_login(client, path):
    assert client.get(path).url == f"/login/?next={path}"


def test_usage_page_shows_figures(staff):
    some_usage()
    page = staff.get("/usage/").content.decode()
    assert "gpt-5.4" in page
    assert "rate_limited 429" in page
    assert "<svg" in page
    assert "sk-client" not in page


def test_usage_page_without_data_says_what_to_check(staff):
    assert "No upstream is configured" in staff.get("/usage/").content.decode()


def test_usage_page_says_that_the_first_run_is_in_progress(staff):
    upstream = make_upstream()
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at=datetime.now(UTC),
        status="running",
    )
    leases.acquire(upstream.collect_lease, 30)
    page = staff.get("/usage/").content.decode()
    assert "The first run is in progress" in page
    assert "nothing was found wrong" not in page


def test_ordinary_user_sees_own_usage_only(client):
    upstream, user = some_usage(api_key="sk-other-key-1111"), make_user("bob")
    client.force_login(user)
    assert "No usage in this range" in client.get("/usage/").content.decode()
    make_client_key(upstream, "sk-bobs-own-key-2222", owner=user, name="Bob's laptop")
    store(
        upstream,
        make_event(timestamp=datetime.now(UTC), api_key="sk-bobs-own-key-2222", model="bobs-model"),
    )
    page = client.get("/usage/").content.decode()
    assert "Bob&#x27;s laptop" in page
    assert "1111" not in page
    assert "alice@example.com" not in page


def test_polled_region_is_a_part_of_the_page(staff):
    some_usage()
    region = staff.get("/usage/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in region
    assert re.match(r'<div data-part="[\w-]+" id="region"', region)


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "tz=Mars/Base",
        "range=century",
        "from=2026-02-30",
        "from=2026-05-02&to=2026-05-01",
    ],
)
def test_bad_filter_is_named_on_the_page(staff, query):
    response = staff.get(f"/usage/?{query}")
    assert response.status_code == 400
    assert query.split("=")[0] in response.content.decode()


def test_monitoring_is_for_staff(client):
    client.force_login(make_user("bob"))
    assert client.get("/monitoring/").status_code == 403


def test_monitoring_shows_upstream_lease_and_runs(staff):
    upstream = make_upstream(name="east", statistics_enabled=False)
    leases.acquire(upstream.collect_lease, 30)
    now = datetime.now(UTC)
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at=now,
        ended_at=now,
        status="failed",
        failure_class="timeout",
        error="no response within 60 s",
    )
    page = staff.get("/monitoring/").content.decode()
    for text in ("east", "switched off upstream", "held", "no response within 60 s"):
        assert text in page


def test_monitoring_says_when_there_is_no_upstream(staff):
    assert "No upstream is configured" in staff.get("/monitoring/").content.decode()


def test_banner_marks_the_simulated_upstream(staff, settings):
    assert "Simulated upstream" not in staff.get("/usage/").content.decode()
    settings.UPSTREAM_IS_SIMULATED = True
    assert "Simulated upstream" in staff.get("/usage/").content.decode()


def test_nothing_is_loaded_from_elsewhere(staff):
    response = staff.get("/usage/")
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', response.content.decode())


@pytest.mark.parametrize(
    "model",
    [
        "monitoring/lease",
        "usage/collectorrun",
        "management_proxy/upstream",
        "usage/deadletter",
        "providers/clientkey",
        "providers/credential",
    ],
)
def test_admin_lists(staff, model):
    upstream = some_usage()
    store(upstream, "no object")
    leases.acquire(upstream.collect_lease, 30)
    assert staff.get(f"/admin/{model}/").status_code == 200


def test_lease_is_read_and_not_edited(staff):
    leases.acquire("collect:1", 30, uuid4())
    page = staff.get("/admin/monitoring/lease/collect_3A1/change/").content.decode()
    assert "Taken from" in page
    assert not re.findall(r'<(?:input|textarea)[^>]*name="(?:work_id|taken_from|holder)"', page)


def test_forced_release_confirms_then_releases_and_is_audited(staff):
    term = leases.acquire("collect:1", 30)
    chosen = {"action": "release_by_force", "_selected_action": ["collect:1"]}
    assert "Yes, release" in staff.post("/admin/monitoring/lease/", chosen).content.decode()
    assert leases.renew(term)
    staff.post("/admin/monitoring/lease/", {**chosen, "confirmed": "yes"})
    assert not leases.renew(term)
    assert "Released by force" in LogEntry.objects.get().change_message


def test_upstream_is_added_with_an_encrypted_key(staff):
    form = {
        "name": "west",
        "management_url": "http://127.0.0.1:1/v0/management",
        "is_enabled": "on",
        "management_key": "very-secret-key",
    }
    assert staff.post("/admin/management_proxy/upstream/add/", form).status_code == 302
    west = Upstream.objects.get(name="west")
    assert b"very-secret-key" not in bytes(west.key_encrypted)
    assert west.stored_key == "very-secret-key"
    assert (
        "very-secret-key"
        not in staff.get(f"/admin/management_proxy/upstream/{west.pk}/change/").content.decode()
    )


def test_upstream_without_a_key_is_refused(staff):
    form = {
        "name": "west",
        "management_url": "http://127.0.0.1:1/v0/management",
        "is_enabled": "on",
        "management_key": "",
    }
    assert (
        "A key is required"
        in staff.post("/admin/management_proxy/upstream/add/", form).content.decode()
    )
