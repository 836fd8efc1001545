"""Who may call what: every row of the policies, by every kind of caller."""

import pytest
from django.test import Client

from management_proxy.models import PersonalToken
from management_proxy.proxy.rules.policy import READ_SECRETS, Effect, Role
from management_proxy.tokens.actions import create_token
from monitoring.models import AuditEntry
from tests.factories import make_upstream, make_user
from tests.management_proxy.policy_requests import EVERY_ROW, path_of, send
from tests.management_proxy.proxied import forget_everything, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_upstreams(monkeypatch):
    """No upstream listens: what is let in comes back as 502 or 503, without delay."""
    monkeypatch.setattr("management_proxy.proxy.views.submit_write", lambda *_: None)
    upstreams = [
        make_upstream(name=name, management_url="http://127.0.0.1:9/v0/management")
        for name in ("east", "west")
    ]
    yield upstreams
    forget_everything()


def let_in(response) -> bool:
    """Whether the call got as far as the upstream, or as a login that was never started."""
    return response.status_code in (502, 503) or response.json()["error"]["code"] == "LOGIN_UNKNOWN"


def with_token(user, scope, upstreams=None) -> Client:
    _, secret = create_token(user, "script", scope, upstreams=upstreams)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def wrong(claim) -> list[str]:
    """The rows of which the claim does not hold."""
    return [f"{method} {policy}" for policy, method in EVERY_ROW if not claim(policy, method)]


@pytest.mark.parametrize("scope", PersonalToken.Scope.values)
def test_scope_of_a_token_bounds_what_it_may_do(scope):
    script = with_token(make_user(staff=True), scope)
    included = {
        "read": lambda policy: policy.effect is Effect.READ and not policy.permission,
        "write": lambda policy: not policy.permission,
        "destroy": lambda policy: True,
    }[scope]
    assert (
        wrong(
            lambda policy, method: let_in(send(script, policy, method, "east")) == included(policy)
        )
        == []
    )


def test_token_of_one_upstream_reaches_no_other(without_upstreams):
    script = with_token(make_user(staff=True), "destroy", upstreams=[without_upstreams[0]])
    assert wrong(lambda policy, method: let_in(send(script, policy, method, "east"))) == []
    assert (
        wrong(lambda policy, method: send(script, policy, method, "west").status_code == 403) == []
    )


def test_others_than_staff_get_their_own_logins_only():
    script, browser = with_token(make_user(), "destroy"), signed_in(staff=False)
    assert (
        wrong(
            lambda policy, method: (
                let_in(send(script, policy, method, "east")) == (policy.role is not Role.STAFF)
            )
        )
        == []
    )
    assert (
        wrong(
            lambda policy, method: (
                let_in(send(browser, policy, method, "east")) == (policy.role is not Role.STAFF)
            )
        )
        == []
    )


def entries_after(client, policy, method) -> list[tuple[str, str]]:
    """Outcome and way of what the call left in the trail."""
    last = AuditEntry.objects.order_by("id").values_list("id", flat=True).last() or 0
    send(client, policy, method, "east")
    return list(
        AuditEntry.objects.filter(
            id__gt=last, action=f"proxy.{method.lower()}", upstream="east"
        ).values_list("outcome", "via")
    )


def test_every_write_leaves_an_entry_whatever_becomes_of_it():
    staff, reader = signed_in(staff=True), with_token(make_user(staff=True), "read")

    def claim(policy, method):
        sent, refused = entries_after(staff, policy, method), entries_after(reader, policy, method)
        if not policy.audited:
            return (sent, refused) == ([], [])
        return len(sent) == 1 and sent[0][0] != "pending" and refused == [("refused", "token")]

    assert wrong(claim) == []
    assert not AuditEntry.objects.filter(outcome="succeeded", action__startswith="proxy.").exists()
    assert "sk-a-key" not in str(list(AuditEntry.objects.values()))


def test_secrets_are_revealed_to_the_widest_scope_only():
    user = make_user(staff=True)
    reveal = {"X-Tollgate-Reveal": "secrets"}
    assert (
        with_token(user, "write").get("/api/management/@east/config", headers=reveal).status_code
        == 403
    )
    PersonalToken.objects.all().delete()
    assert (
        with_token(user, "destroy").get("/api/management/@east/config", headers=reveal).status_code
        == 502
    )
    assert any(policy.permission == READ_SECRETS for policy, _ in EVERY_ROW)


def test_token_needs_no_csrf_token_and_a_session_does(without_upstreams):
    user = make_user(staff=True)
    policy, method = next((p, m) for p, m in EVERY_ROW if p.path == "debug" and m == "PUT")
    assert let_in(send(with_token(user, "write"), policy, method, "east"))
    session = Client(enforce_csrf_checks=True)
    session.force_login(user)
    assert send(session, policy, method, "east").status_code == 403


def test_cookie_beside_a_token_adds_nothing():
    script = with_token(make_user(), "destroy")
    script.force_login(make_user(staff=True))
    policy, method = next((p, m) for p, m in EVERY_ROW if p.path == "debug" and m == "GET")
    assert send(script, policy, method, "east").status_code == 403
    assert path_of(policy, "east").endswith("/debug")
