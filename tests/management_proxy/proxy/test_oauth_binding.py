"""Logins through the proxy: each belongs to the session or token that started it, whatever other
caller names it."""

import json
from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone

from management_proxy.models import ProxiedLogin
from management_proxy.proxy.oauth_binding import LIFETIME, UnreadableCallback, read_callback
from management_proxy.simulator import running_simulator
from management_proxy.tokens.actions import create_token
from tests.concurrency import times
from tests.factories import make_user
from tests.management_proxy.proxied import (
    URL,
    forget_everything,
    request_count,
    signed_in,
    upstream_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def simulator() -> Iterator:
    with running_simulator(key="management-key-for-tests") as simulator:
        upstream_of(simulator)
        yield simulator
        forget_everything()


def started(client, path="codex-auth-url") -> str:
    return client.get(URL + path).json()["state"]


def poll(client, state):
    return client.get(f"{URL}get-auth-status?state={state}")


def callback(client, **members):
    return client.post(URL + "oauth-callback", members, content_type="application/json")


def test_whole_login_of_an_ordinary_user(simulator):
    bob = signed_in(staff=False)
    state = started(bob)
    assert poll(bob, state).json() == {"status": "wait"}
    assert callback(
        bob,
        provider="codex",
        redirect_url=f"http://localhost:1455/auth/callback?code=abc&state={state}",
    ).json() == {"status": "ok"}
    assert request_count(simulator, "POST /v0/management/oauth-callback 200") == 1


def test_cancelled_by_the_caller_that_began_it(simulator):
    bob = signed_in(staff=False)
    state = started(bob)
    assert bob.delete(f"{URL}oauth-session?state={state}").json() == {
        "status": "ok",
        "cancelled": True,
    }


@pytest.mark.parametrize("staff", [False, True])
def test_others_find_no_such_login(simulator, staff):
    state = started(signed_in(staff=False))
    other = signed_in(staff=staff)
    own = started(other)
    before = request_count(simulator)
    responses = [
        poll(other, state),
        other.get(f"{URL}get-auth-status?state={own}&state={state}"),
        callback(other, state=state, code="stolen"),
        callback(
            other, redirect_url=f"http://localhost:1455/auth/callback?code=stolen&state={state}"
        ),
        other.delete(f"{URL}oauth-session?state={state}"),
        other.delete(f"{URL}oauth-session"),
        poll(other, "0" * 32),
    ]
    assert {(r.status_code, r.json()["error"]["code"]) for r in responses} == {
        (404, "LOGIN_UNKNOWN")
    }
    assert request_count(simulator) == before


def test_another_session_of_the_same_user_finds_none_either(simulator):
    bob = make_user()
    first, second = signed_in(staff=False), signed_in(staff=False)
    first.force_login(bob)
    second.force_login(bob)
    assert poll(second, started(first)).status_code == 404


def test_token_has_logins_of_its_own(simulator):
    user = make_user()
    scripts = [
        Client(headers={"Authorization": f"Bearer {create_token(user, name, 'write')[1]}"})
        for name in ("one", "two")
    ]
    state = started(scripts[0])
    assert [poll(script, state).status_code for script in scripts] == [200, 404]


def test_login_of_long_ago_is_forgotten(simulator):
    bob = signed_in(staff=False)
    state = started(bob)
    ProxiedLogin.objects.update(started_at=timezone.now() - LIFETIME)
    assert poll(bob, state).status_code == 404
    ProxiedLogin.objects.update(started_at=timezone.now() - 3 * LIFETIME)
    started(bob)
    assert ProxiedLogin.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_connecting_at_once_each_get_their_own(simulator):
    people = [signed_in(staff=False) for _ in range(2)]
    states = times(2, lambda number: started(people[number]))
    assert [[poll(person, states[n]).status_code for n in range(2)] for person in people] == [
        [200, 404],
        [404, 200],
    ]


def test_state_is_not_kept_readably(simulator):
    state = started(signed_in(staff=False))
    assert state not in str(ProxiedLogin.objects.values().get())


def test_callback_names_one_state_in_one_place():
    address = "http://localhost:1455/auth/callback?state=theirs&code=c"
    assert read_callback(json.dumps({"State": " mine ", "redirect_url": address}).encode()) == (
        "mine",
        json.dumps({"redirect_url": address, "state": "mine"}).encode(),
    )
    state, body = read_callback(json.dumps({"redirect_url": address}).encode())
    assert (state, json.loads(body)["state"]) == ("theirs", "theirs")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'[["state","a"]]',
        b"[1,2]",
        b'{"state":1}',
        b'{"state":""}',
        b'{"state":"a","state":"b"}',
        b'{"state":"a","STATE":"b"}',
        '{"state":"a","\u017ftate":"b"}'.encode(),
        b'{"state":"a","other":"b"}',
        b'{"redirect_url":"http://x/?state=a&state=b"}',
        b'{"redirect_url":"http://[x/?state=a"}',
        b"[" * 100_000,
        b'{"state":"a"}{"state":"b"}',
        b"\xff",
    ],
)
def test_callback_that_can_be_read_in_two_ways_is_refused(body):
    with pytest.raises(UnreadableCallback):
        read_callback(body)
