"""Personal tokens: made by a person for a script, narrower than the person, and gone when
revoked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from management_proxy.models import PersonalToken
from management_proxy.tokens.actions import TokenNotMade, create_token, revoke_token
from management_proxy.tokens.queries import MARK
from monitoring.models import AuditEntry
from monitoring.refusal_counts import MOST_A_MINUTE
from tests.factories import make_upstream, make_user

pytestmark = pytest.mark.django_db
STATUS = "/api/usage/collection-status"
COLLECT = "/api/usage/collect"
PAGE = "/account/tokens/"


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_token_acts_as_its_user(client):
    token, secret = create_token(make_user("ada"), "report", "read")
    assert client.get(STATUS, headers=bearer(secret)).status_code == 200
    token.refresh_from_db()
    assert token.last_used_at
    assert token.last_used_ip == "127.0.0.1"


def test_only_a_hash_is_kept():
    _, secret = create_token(make_user("ada"), "report", "read")
    kept = PersonalToken.objects.values().get()
    assert secret not in str(kept)
    assert kept["prefix"] == secret[:15]
    assert len(secret) - len(MARK) >= 43  # 256 bits


def test_token_opens_no_page(client):
    _, secret = create_token(make_user("ada", staff=True), "report", "destroy")
    assert client.get("/usage/", headers=bearer(secret)).status_code == 302
    assert client.get("/admin/", headers=bearer(secret)).status_code == 302


def test_use_is_noted_once_a_minute(client):
    _, secret = create_token(make_user("ada"), "report", "read")
    client.get(STATUS, headers=bearer(secret))
    before = PersonalToken.objects.get().last_used_at
    client.get(STATUS, headers=bearer(secret))
    assert PersonalToken.objects.get().last_used_at == before


@pytest.mark.parametrize("spoil", ["revoked", "expired", "disabled", "unknown"])
def test_useless_token_is_refused(client, spoil):
    user = make_user("ada")
    token, secret = create_token(user, "report", "read")
    if spoil == "revoked":
        revoke_token(token, user)
    elif spoil == "expired":
        PersonalToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif spoil == "disabled":
        type(user).objects.update(is_active=False)
    else:
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    response = client.get(STATUS, headers=bearer(secret))
    assert response.status_code == 401
    assert spoil in response.json()["error"]["message"] or spoil == "expired"
    assert secret not in response.content.decode()


def test_useless_token_is_refused_even_beside_a_session(client):
    client.force_login(make_user("ada"))
    assert client.get(STATUS, headers=bearer(f"{MARK}nonsense")).status_code == 401


def test_flood_of_useless_tokens_hears_429_while_a_good_one_passes(client):
    _, secret = create_token(make_user("ada"), "report", "read")
    responses = [
        client.get(STATUS, headers=bearer(f"{MARK}guess{n}")) for n in range(MOST_A_MINUTE + 1)
    ]
    assert {r.status_code for r in responses[:-1]} == {401}
    assert (responses[-1].status_code, responses[-1].headers["Retry-After"]) == (429, "60")
    assert client.get(STATUS, headers=bearer(secret)).status_code == 200
    assert AuditEntry.objects.filter(action="personal_token.refused").count() == 1


def test_reading_token_changes_nothing(client):
    _, secret = create_token(make_user("ada", staff=True), "report", "read")
    response = client.post(COLLECT, headers=bearer(secret))
    assert response.status_code == 403
    entry = AuditEntry.objects.get(action="api.refused")
    assert (entry.actor, entry.via, entry.outcome, entry.target) == (
        "ada",
        "token",
        "refused",
        "POST /api/usage/collect",
    )


def test_writing_token_of_staff_collects_without_a_csrf_token(client):
    _, secret = create_token(make_user("ada", staff=True), "cron", "write")
    client.handler.enforce_csrf_checks = True
    assert (
        client.post(COLLECT, headers=bearer(secret)).status_code == 503
    )  # no upstream, but allowed
    assert AuditEntry.objects.get(action="collection.triggered").via == "token"


def test_token_never_grants_more_than_its_user_has_now(client):
    user = make_user("ada", staff=True)
    _, secret = create_token(user, "cron", "destroy")
    type(user).objects.update(is_staff=False)
    assert client.post(COLLECT, headers=bearer(secret)).status_code == 403


def test_token_of_one_upstream_enters_no_view_that_serves_all(client):
    _, secret = create_token(
        make_user("ada", staff=True), "east only", "write", upstreams=[make_upstream()]
    )
    assert client.post(COLLECT, headers=bearer(secret)).status_code == 403


@pytest.mark.parametrize("path", ["history", "summary", "series", "breakdown", "events", "export"])
@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ("upstream=east", True),
        ("upstream=west", False),
        ("", False),
        ("upstream=", False),
        ("upstream=east&upstream=west", False),
    ],
)
def test_token_of_one_upstream_reads_its_usage_only(client, path, chosen, allowed):
    east, _ = make_upstream(name="east"), make_upstream(name="west")
    _, secret = create_token(make_user("ada", staff=True), "east only", "read", upstreams=[east])
    query = f"from=2026-11-20&to=2026-11-21&group_by=model&format=csv&{chosen}"
    response = client.get(f"/api/usage/{path}?{query}", headers=bearer(secret))
    assert (response.status_code == 403) is not allowed
    assert response.getvalue()  # an export is over only when it has been read


def test_token_that_lost_its_upstreams_reaches_none():
    east, west = make_upstream(name="east"), make_upstream(name="west")
    token, _ = create_token(make_user("ada"), "east only", "read", upstreams=[east])
    assert token.reaches(east)
    assert not token.reaches(west)
    token.upstreams.clear()
    assert not token.reaches(east)


def test_form_makes_a_token_and_shows_it_once(client):
    client.force_login(make_user("ada"))
    form = {"name": "report", "scope": "read", "lifetime": "30"}
    response = client.post(PAGE, form)
    assert response.status_code == 201
    assert "no-store" in response.headers["Cache-Control"]
    secret = response.context["secret"]
    assert secret in response.content.decode()
    assert secret not in client.get(PAGE).content.decode()
    assert (
        timezone.now()
        < PersonalToken.objects.get().expires_at
        < timezone.now() + timedelta(days=31)
    )


def test_form_sent_twice_makes_one_token(client):
    client.force_login(make_user("ada"))
    form = {"name": "report", "scope": "read", "lifetime": ""}
    client.post(PAGE, form)
    assert "in use already" in client.post(PAGE, form).content.decode()
    assert PersonalToken.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "a\x00b"},
        {"scope": "everything"},
        {"lifetime": "9999"},
        {"upstreams": ["99"]},
    ],
)
def test_nonsense_makes_no_token(client, wrong):
    client.force_login(make_user("ada"))
    assert (
        client.post(
            PAGE, {"name": "report", "scope": "read", "lifetime": "30", **wrong}
        ).status_code
        == 400
    )
    assert not PersonalToken.objects.exists()


def test_number_of_tokens_is_bounded(monkeypatch):
    monkeypatch.setattr("management_proxy.tokens.actions.MOST_PER_USER", 1)
    user = make_user("ada")
    create_token(user, "one", "read")
    with pytest.raises(TokenNotMade):
        create_token(user, "two", "read")


def test_own_token_is_revoked_and_anothers_is_not_found(client):
    own, _ = create_token(make_user("ada"), "mine", "read")
    other, _ = create_token(make_user("bob"), "his", "read")
    client.force_login(own.user)
    assert client.post(f"{PAGE}{own.pk}/revoke/").status_code == 302
    assert client.post(f"{PAGE}{other.pk}/revoke/").status_code == 404
    assert {t.name: t.state for t in PersonalToken.objects.all()} == {
        "mine": "revoked",
        "his": "live",
    }
    assert AuditEntry.objects.filter(
        action="personal_token.revoked", actor="ada", target="ada: mine"
    ).exists()


def test_staff_revoke_anybodys_in_the_admin(client):
    token, _ = create_token(make_user("bob"), "his", "read")
    client.force_login(make_user("ada", staff=True))
    client.post(
        "/admin/management_proxy/personaltoken/",
        {"action": "revoke", "_selected_action": [token.pk]},
    )
    token.refresh_from_db()
    assert token.state == "revoked"
    assert (
        "digest"
        not in client.get(
            f"/admin/management_proxy/personaltoken/{token.pk}/change/"
        ).content.decode()
    )
