"""Connecting OAuth accounts: who gets which, and what does not end a login."""

import time
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client import oauth as oauth_client
from management_proxy.client.errors import NotReached, ResponseTimeout, UpstreamError
from management_proxy.client.oauth import FLOWS
from monitoring.models import AuditEntry
from providers.accounts.logins import actions as logins
from providers.accounts.logins import polling
from providers.accounts.logins.polling import ARRIVAL_PATIENCE, poll
from providers.errors import ChangeRefused
from providers.models import Account, AccountLogin
from tests.concurrency import times
from tests.factories import make_user

pytestmark = pytest.mark.django_db
Status = AccountLogin.Status


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch, simulator):
    monkeypatch.setattr(polling, "POLL_SECONDS", 0)
    httpx.post(f"{simulator.url}/__control/settings", json={"oauth_seconds": 0}).raise_for_status()


def begin(upstream, user, flow="codex", session="session"):
    return logins.begin(upstream, user, session, flow)


def address(login, code="good", state=""):
    return f"{FLOWS[login.flow].redirect}?code={code}&state={state or login.state}"


def approve(simulator, login, outcome="ok"):
    httpx.post(
        f"{simulator.url}/__control/oauth", json={"state": login.state, "outcome": outcome}
    ).raise_for_status()


def settled(login, looks=5):
    for _ in range(looks):
        login = poll(login)
        if not login.is_open:
            break
    return login


@pytest.mark.parametrize("flow", [name for name, flow in FLOWS.items() if not flow.is_device])
def test_pasted_address_connects_the_account(upstream, flow):
    ada = make_user()
    login = begin(upstream, ada, flow)
    assert login.url.startswith("https://")
    login = settled(logins.deliver(login, address(login)))
    assert login.status == Status.CONNECTED
    account = Account.objects.get()
    assert (account.owner, account.name, account.origin) == (
        ada,
        login.account_name,
        Account.Origin.LOGIN,
    )
    assert login.url == ""


@pytest.mark.parametrize("flow", ["kimi", "xai"])
def test_device_code_connects_the_account(upstream, simulator, flow):
    login = begin(upstream, make_user(), flow)
    assert login.user_code
    assert poll(login).status == Status.WAITING
    approve(simulator, login)
    assert settled(login).status == Status.CONNECTED


def test_code_as_a_page_shows_it_for_copying(upstream):
    for pasted in (" good#{}\n", "http://localhost:54545/callback?code=good#{}"):
        login = begin(upstream, make_user(), "anthropic")
        assert settled(logins.deliver(login, pasted.format(login.state))).status == Status.CONNECTED


def test_two_people_connecting_at_once_each_get_their_own(upstream):
    ada, bob = make_user("ada"), make_user("bob")
    first, second = begin(upstream, ada, session="a"), begin(upstream, bob, session="b")
    logins.deliver(second, address(second))
    with pytest.raises(ChangeRefused, match="being completed") as caught:
        logins.deliver(first, address(first))
    assert caught.value.code == "BUSY"
    assert settled(second).status == Status.CONNECTED
    assert settled(logins.deliver(first, address(first))).status == Status.CONNECTED
    owners = {login.account_name: login.user for login in AccountLogin.objects.all()}
    assert {account.name: account.owner for account in Account.objects.all()} == owners
    assert len(owners) == 2


@pytest.mark.django_db(transaction=True)
def test_codes_submitted_at_the_same_moment_are_exchanged_one_by_one(upstream):
    begun = [
        begin(upstream, make_user(name), session=name) for name in ("ada", "bob", "eve", "dan")
    ]
    reported = []

    def complete(number):
        login = begun[number]
        for _ in range(200):
            try:
                settled(logins.deliver(login, address(login)))
                return
            except ChangeRefused as busy:
                reported.append(busy.code)
                time.sleep(0.02)

    times(len(begun), complete)
    assert set(reported) <= {"BUSY"}
    finished = AccountLogin.objects.filter(status=Status.CONNECTED)
    assert finished.count() == len(begun)
    assert {(a.owner_id, a.name) for a in Account.objects.all()} == {
        (login.user_id, login.account_name) for login in finished
    }


def test_two_device_logins_done_one_after_the_other_are_distinguished(upstream, simulator):
    first, second = (
        begin(upstream, make_user("ada"), "xai", "a"),
        begin(upstream, make_user("bob"), "xai", "b"),
    )
    approve(simulator, second)
    assert settled(second).status == Status.CONNECTED
    assert poll(first).status == Status.WAITING
    approve(simulator, first)
    assert settled(first).status == Status.CONNECTED
    assert {(a.owner_id, a.name) for a in Account.objects.all()} == {
        (login.user_id, login.account_name) for login in AccountLogin.objects.all()
    }


def test_two_device_logins_done_at_the_same_moment_give_no_user_the_other_s_account(
    upstream, simulator
):
    first, second = (
        begin(upstream, make_user("ada"), "xai", "a"),
        begin(upstream, make_user("bob"), "xai", "b"),
    )
    approve(simulator, first)
    approve(simulator, second)
    assert {settled(first).status, settled(second).status} == {Status.UNCLEAR}
    assert not Account.objects.exclude(owner=None).exists()


def test_address_of_another_login_is_refused(upstream):
    first, second = (
        begin(upstream, make_user("ada"), session="a"),
        begin(upstream, make_user("bob"), session="b"),
    )
    with pytest.raises(ChangeRefused) as caught:
        logins.deliver(first, address(second))
    assert (caught.value.code, caught.value.field) == ("STATE_MISMATCH", "callback")


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "   ",
        "http://localhost:1455/auth/callback",
        "http://localhost:1455/?code=x",
        "x" * 9000,
        "a\x00b",
        "code-without-state",
        "http://[/?code=x&state=y",
    ],
)
def test_useless_paste_is_refused_and_the_login_goes_on(upstream, pasted):
    login = begin(upstream, make_user())
    with pytest.raises(ChangeRefused) as caught:
        logins.deliver(login, pasted)
    assert caught.value.field == "callback"
    assert poll(login).status == Status.WAITING


def test_denial_at_the_provider_is_reported(upstream):
    login = begin(upstream, make_user(), "anthropic")
    login = logins.deliver(
        login, f"http://localhost:54545/callback?error=access_denied&state={login.state}"
    )
    assert (settled(login).status, login.detail) == (Status.FAILED, "Bad request")


def test_code_that_the_provider_refuses_ends_the_login_with_its_reason(upstream):
    login = begin(upstream, make_user())
    login = settled(logins.deliver(login, address(login, code="bad")))
    assert login.status == Status.FAILED
    assert "Failed to exchange" in login.detail


def test_signing_in_again_keeps_the_owner_and_the_file(upstream, client):
    ada = make_user()
    first = begin(upstream, ada)
    first = settled(logins.deliver(first, address(first)))
    again = begin(upstream, ada)
    # What the provider's second answer does: the same file, written anew.
    logins.deliver(again, address(again, code="bad"))
    content = auth_file_client.download_auth_file(client, first.account_name)
    AccountLogin.objects.filter(pk=again.pk).update(
        status=Status.FINISHED, finished_at=timezone.now()
    )
    auth_file_client.upload_auth_file(client, first.account_name, content)
    again.refresh_from_db()
    assert settled(again).status == Status.CONNECTED
    assert Account.objects.get().owner == ada


def test_account_of_another_user_stays_theirs(upstream, client):
    ada, bob = make_user("ada"), make_user("bob")
    first = begin(upstream, ada)
    first = settled(logins.deliver(first, address(first)))
    second = begin(upstream, bob, session="b")
    AccountLogin.objects.filter(pk=second.pk).update(
        status=Status.FINISHED, finished_at=timezone.now()
    )
    auth_file_client.upload_auth_file(
        client, first.account_name, auth_file_client.download_auth_file(client, first.account_name)
    )
    # Otherwise its file would count as another login's.
    AccountLogin.objects.filter(pk=first.pk).update(
        settled_at=second.started_at - timedelta(seconds=1)
    )
    second.refresh_from_db()
    second = settled(second)
    assert second.status == Status.UNCLEAR
    assert "Another user" in second.detail
    assert Account.objects.get().owner == ada


def test_trouble_on_the_way_does_not_end_a_login(upstream, simulator):
    login = begin(upstream, make_user(), "xai")
    for kind in ("reset", "status", "garbage"):
        httpx.post(
            f"{simulator.url}/__control/faults",
            json={"kind": kind, "status": 503, "body": "x", "path": "*get-auth-status", "count": 1},
        ).raise_for_status()
        login = poll(login)
        assert (login.status, bool(login.trouble)) == (Status.WAITING, True)
    approve(simulator, login)
    login = settled(login)
    assert (login.status, login.trouble) == (Status.CONNECTED, "")


def test_response_lost_while_submitting_the_code_is_no_end(upstream, simulator):
    login = begin(upstream, make_user())
    httpx.post(
        f"{simulator.url}/__control/faults",
        json={"kind": "cut", "path": "*oauth-callback", "count": 1},
    ).raise_for_status()
    login = logins.deliver(login, address(login))
    assert login.trouble
    assert settled(login).status == Status.CONNECTED


def test_code_that_could_not_be_sent_may_be_sent_again(upstream, monkeypatch):
    login = begin(upstream, make_user())
    with monkeypatch.context() as patch:
        patch.setattr(
            oauth_client,
            "deliver_code",
            lambda *args: (_ for _ in ()).throw(NotReached("cannot connect")),
        )
        with pytest.raises(NotReached):
            logins.deliver(login, address(login))
    login.refresh_from_db()
    assert login.status == Status.WAITING
    assert settled(logins.deliver(login, address(login))).status == Status.CONNECTED


def test_code_that_never_arrived_may_be_sent_again(upstream, monkeypatch):
    login = begin(upstream, make_user())
    with monkeypatch.context() as patch:
        patch.setattr(
            oauth_client,
            "deliver_code",
            lambda *args: (_ for _ in ()).throw(ResponseTimeout("no answer")),
        )
        login = logins.deliver(login, address(login))
    assert poll(login).status == Status.DELIVERED
    AccountLogin.objects.update(delivered_at=timezone.now() - ARRIVAL_PATIENCE)
    login.refresh_from_db()
    login = poll(login)
    assert login.status == Status.WAITING
    assert settled(logins.deliver(login, address(login))).status == Status.CONNECTED


def test_cancel_ends_it_here_and_upstream(upstream, simulator):
    login = logins.cancel(begin(upstream, make_user()))
    assert login.status == Status.CANCELLED
    with pytest.raises(ChangeRefused, match="does not wait"):
        logins.deliver(login, address(login))


def test_cancel_that_comes_too_late_connects_instead(upstream, simulator):
    login = begin(upstream, make_user(), "xai")
    approve(simulator, login)
    assert settled(logins.cancel(login)).status == Status.CONNECTED


def test_restarted_upstream_ends_it_with_a_reason(upstream, simulator):
    login = begin(upstream, make_user())
    httpx.post(f"{simulator.url}/__control/restart", json={}).raise_for_status()
    login = settled(login)
    assert login.status == Status.FAILED
    assert "Start again" in login.detail


def test_state_that_a_restarted_upstream_issues_again_names_the_newer_login(upstream, monkeypatch):
    first = begin(upstream, make_user("ada"), session="a")
    again = oauth_client.StartedLogin(first.state, first.url, "", None)
    monkeypatch.setattr(oauth_client, "start_login", lambda *args, **kwargs: again)
    second = begin(upstream, make_user("bob"), session="b")
    first.refresh_from_db()
    assert (first.status, second.status) == (Status.FAILED, Status.WAITING)


def test_deadline_ends_it(upstream, simulator):
    login = begin(upstream, make_user())
    AccountLogin.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    login.refresh_from_db()
    assert settled(login).status == Status.EXPIRED


def test_second_click_opens_no_second_login(upstream, simulator):
    ada = make_user()
    assert begin(upstream, ada) == begin(upstream, ada)
    assert begin(upstream, ada, session="other") != begin(upstream, ada)


def test_open_logins_are_limited(upstream):
    ada = make_user()
    for number in range(logins.MOST_OPEN_PER_USER):
        begin(upstream, ada, session=str(number))
    with pytest.raises(ChangeRefused, match="logins open"):
        begin(upstream, ada, session="more")


def test_unknown_kind_and_unreachable_upstream_start_nothing(upstream, simulator):
    with pytest.raises(ChangeRefused):
        begin(upstream, make_user(), "gemini-cli")
    httpx.post(f"{simulator.url}/__control/settings", json={"network": False}).raise_for_status()
    with pytest.raises(UpstreamError):
        begin(upstream, make_user(), "kimi")
    assert not AccountLogin.objects.exists()


def test_beginning_and_end_are_in_the_audit_trail_without_the_state(upstream):
    login = begin(upstream, make_user())
    settled(logins.deliver(login, address(login)))
    entries = AuditEntry.objects.values_list("action", flat=True)
    assert set(entries) == {"account.login_started", "account.login_connected"}
    assert not any(
        login.state in str(entry.detail) + entry.target for entry in AuditEntry.objects.all()
    )
