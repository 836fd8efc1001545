"""A key that was not accepted yet is tried by exactly one request, of all threads and processes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from management_proxy.client.errors import KeyRejected, NotReached, UpstreamError
from management_proxy.client.usage import usage_settings
from management_proxy.models import Access, Upstream
from management_proxy.simulator import running_simulator
from management_proxy.upstreams import key_verification
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.clients import client_for, key_of, subscription_to
from management_proxy.upstreams.key_verification import KeyOnTrial, is_verified
from management_proxy.upstreams.registry import ensure_environment_upstream, find_upstream
from tests.factories import make_upstream, make_user
from tests.management_proxy.proxied import (
    browser,
    fault,
    forget_everything,
    request_count,
    signed_in,
)
from tests.web_server import WebServer, web_server

pytestmark = pytest.mark.django_db(transaction=True)
TRIAL = "usage-statistics-enabled"
CALLERS = 16


@pytest.fixture(scope="module")
def server(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[WebServer]:
    with (
        django_db_blocker.unblock(),
        web_server(tmp_path_factory.mktemp("web"), WEB_WORKERS="2") as server,
    ):
        yield server


@pytest.fixture
def simulator() -> Iterator:
    forget_everything()
    with running_simulator(key="management-key-for-tests") as simulator:
        yield simulator
    forget_everything()


def upstream_with(simulator, key: str) -> Upstream:
    upstream = make_upstream(name="default", management_url=simulator.management_url)
    upstream.store_key(key)
    upstream.key_verified_digest = b""
    upstream.save()
    return upstream


def failed_logins(simulator) -> int:
    return int(simulator.app.state.bans.failed_logins)


def outcome(act: Callable[[], object]) -> str:
    """How an act of another thread ended."""
    try:
        act()
    except UpstreamError as error:
        return type(error).__name__
    finally:
        connection.close()
    return "passed"


def call_at_once(server: WebServer, upstream: Upstream) -> list[object]:
    """What half of the callers get through the proxy of two processes, and the others in this one:
    with our client, and one over RESP."""
    together = threading.Barrier(CALLERS)

    def through_proxy() -> object:
        with browser(server) as staff:
            connection.close()
            together.wait()
            return staff.get("debug").status_code

    def by_ourselves(act: Callable[[], object]) -> object:
        together.wait()
        return outcome(act)

    def subscribe() -> None:
        subscription_to(upstream).close()

    acts = [lambda: usage_settings(client_for(upstream))] * (CALLERS // 2 - 1) + [subscribe]
    with ThreadPoolExecutor(CALLERS) as pool:
        ours = [pool.submit(by_ourselves, act) for act in acts]
        theirs = [pool.submit(through_proxy) for _ in range(CALLERS // 2)]
        return [call.result() for call in [*ours, *theirs]]


def test_wrong_key_is_one_failed_login_of_all_callers(server, simulator):
    upstream = upstream_with(simulator, "wrong")
    fault(simulator, "latency", TRIAL, seconds=0.5)
    assert set(call_at_once(server, upstream)) == {"KeyRejected", 503}
    assert failed_logins(simulator) == 1
    upstream.refresh_from_db()
    assert (upstream.access, upstream.key_on_trial_until) == (Access.KEY_REJECTED, None)


def test_right_key_lets_all_callers_pass_after_one_trial(server, simulator):
    upstream = upstream_with(simulator, simulator.key)
    fault(simulator, "latency", TRIAL, seconds=0.5)
    assert set(call_at_once(server, upstream)) == {"passed", 200}
    assert request_count(simulator, TRIAL) == 1


def test_key_changed_in_the_admin_is_verified_anew(simulator):
    upstream = upstream_with(simulator, simulator.key)
    usage_settings(client_for(upstream))
    admin = Client()
    admin.force_login(make_user(staff=True))
    form = {
        "name": "default",
        "management_url": upstream.management_url,
        "is_enabled": "on",
        "collection_mode": "pull",
        "management_key": "another",
    }
    assert (
        admin.post(f"/admin/management_proxy/upstream/{upstream.pk}/change/", form).status_code
        == 302
    )
    changed = find_upstream()
    assert not is_verified(changed, key_of(changed))
    assert outcome(lambda: usage_settings(client_for(changed))) == "KeyRejected"
    assert failed_logins(simulator) == 1


def test_environments_key_is_verified_and_so_is_a_new_one(simulator, settings):
    settings.CLIPROXYAPI_MANAGEMENT_URL, settings.MANAGEMENT_API_KEY = (
        simulator.management_url,
        simulator.key,
    )
    upstream = ensure_environment_upstream()
    usage_settings(client_for(upstream))
    usage_settings(client_for(upstream))
    assert request_count(simulator, TRIAL) == 1
    settings.MANAGEMENT_API_KEY = "another"
    with pytest.raises(KeyRejected):
        usage_settings(client_for(upstream))
    assert request_count(simulator, "config") == 2


def test_same_key_is_verified_anew_at_another_address(simulator):
    upstream = upstream_with(simulator, simulator.key)
    usage_settings(client_for(upstream))
    with running_simulator(key="the-key-of-the-other") as other:
        Upstream.objects.update(management_url=other.management_url)
        upstream.refresh_from_db()
        with pytest.raises(KeyRejected):
            usage_settings(client_for(upstream))
        assert failed_logins(other) == 1


def test_refused_key_is_tried_once_again_when_callers_are_let_in(simulator):
    upstream = upstream_with(simulator, simulator.key)
    usage_settings(client_for(upstream))
    simulator.app.state.secrets.environment_key = "changed upstream"
    for count in (1, 2):
        for _ in range(3):
            with pytest.raises(KeyRejected):
                usage_settings(client_for(upstream))
        assert failed_logins(simulator) == count
        allow_access(upstream)


def test_callers_wait_no_longer_than_their_patience(simulator, monkeypatch):
    monkeypatch.setattr(key_verification, "PATIENCE_SECONDS", 0.2)
    upstream = upstream_with(simulator, simulator.key)
    Upstream.objects.update(key_on_trial_until=Now() + timedelta(minutes=1))
    with pytest.raises(KeyOnTrial):
        usage_settings(client_for(upstream))
    response = signed_in().get("/api/management/debug")
    assert (response.status_code, response.json()["error"]["code"]) == (
        503,
        "UPSTREAM_KEY_ON_TRIAL",
    )
    assert response["Retry-After"]
    assert request_count(simulator) == 0


def test_dead_holders_claim_ends_by_itself(simulator):
    upstream = upstream_with(simulator, simulator.key)
    Upstream.objects.update(key_on_trial_until=Now() + timedelta(seconds=0.5))
    usage_settings(client_for(upstream))
    assert request_count(simulator, TRIAL) == 1


def test_trial_that_brings_nothing_leaves_the_key_unverified_and_the_claim_free(simulator):
    upstream = upstream_with(simulator, simulator.key)
    Upstream.objects.update(management_url="http://127.0.0.1:1/v0/management")
    upstream.refresh_from_db()
    with pytest.raises(NotReached):
        usage_settings(client_for(upstream))
    response = signed_in().get("/api/management/debug")
    assert (response.status_code, response.json()["error"]["code"]) == (
        502,
        "UPSTREAM_KEY_UNVERIFIED",
    )
    upstream.refresh_from_db()
    assert (upstream.access, upstream.key_on_trial_until, bytes(upstream.key_verified_digest)) == (
        Access.OPEN,
        None,
        b"",
    )


def test_trials_that_fail_open_the_breaker(simulator):
    upstream_with(simulator, simulator.key)
    fault(simulator, "status", TRIAL, status=503, count=None)
    staff = signed_in()
    codes = [staff.get("/api/management/debug").json()["error"]["code"] for _ in range(12)]
    assert set(codes[:10]) == {"UPSTREAM_KEY_UNVERIFIED"}
    assert codes[-1] == "BREAKER_OPEN"
    assert request_count(simulator, "debug") == 0
