"""Links by which a user sets a password: they work once, for a while, and for an enabled user."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.sign_in.links import LinkRefused, make_link, redeem
from config.sign_in.models import PasswordLink
from config.sign_in.upkeep import forget
from monitoring.models import AuditEntry
from tests.concurrency import times
from tests.factories import make_user

GOOD = {"new_password1": "battery staple 9", "new_password2": "battery staple 9"}


@pytest.fixture
def bob(db):
    user = make_user("bob")
    user.set_unusable_password()
    user.save()
    return user


def expire():
    PasswordLink.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))


def test_invited_user_sets_a_password_and_is_signed_in(client, bob):
    url = f"/join/{make_link(bob)}/"
    assert "bob" in client.get(url).content.decode()
    assert client.get(url).status_code == 200, "opening it uses nothing up"
    assert client.post(url, GOOD).headers["Location"] == "/"
    assert client.get("/usage/").status_code == 200
    assert Client().login(username="bob", password=GOOD["new_password1"])
    assert client.get(url).status_code == 404
    assert client.post(url, GOOD).status_code == 404
    assert AuditEntry.objects.filter(action="user.joined", actor="bob").count() == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"new_password1": "12345678", "new_password2": "12345678"}, "too common"),
        ({"new_password2": "another one 9"}, "match"),
        ({"new_password1": "", "new_password2": ""}, "required"),
    ],
)
def test_bad_password_is_refused_and_the_link_stays(client, bob, wrong, says):
    url = f"/join/{make_link(bob)}/"
    response = client.post(url, {**GOOD, **wrong})
    assert response.status_code == 400
    assert says in response.content.decode()
    assert client.post(url, GOOD).status_code == 302


def test_what_is_kept_is_no_secret(bob):
    secret = make_link(bob)
    (row,) = PasswordLink.objects.values_list("digest")
    assert len(row[0]) == 32
    assert secret.encode() not in bytes(row[0])


def test_the_next_link_replaces_the_one_before(client, bob):
    first, second = make_link(bob), make_link(bob)
    assert client.get(f"/join/{first}/").status_code == 404
    assert client.get(f"/join/{second}/").status_code == 200


def test_expired_unknown_and_disabled_ones_are_refused(client, bob):
    secret = make_link(bob)
    User.objects.update(is_active=False)
    assert client.post(f"/join/{secret}/", GOOD).status_code == 404
    User.objects.update(is_active=True)
    expire()
    assert client.post(f"/join/{secret}/", GOOD).status_code == 404
    assert client.get("/join/tollgate_guessed/").status_code == 404
    forget()
    assert not PasswordLink.objects.exists()
    bob.refresh_from_db()
    assert not bob.has_usable_password()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_sets_the_password(bob):
    secret = make_link(bob)

    def use(password: str) -> str:
        try:
            redeem(secret, password)
        except LinkRefused:
            return "refused"
        return password

    outcomes = times(4, lambda number: use(f"battery staple {number}"))
    (won,) = [outcome for outcome in outcomes if outcome != "refused"]
    bob.refresh_from_db()
    assert bob.check_password(won)
    assert AuditEntry.objects.filter(action="user.joined").count() == 1


def test_a_new_password_ends_the_sessions(client, bob):
    client.force_login(bob)
    assert client.get("/usage/").status_code == 200
    assert Client().post(f"/join/{make_link(bob)}/", GOOD).status_code == 302
    assert client.get("/usage/").status_code == 302
