"""Users in the admin: the last administrator stays one, and who is disabled is out."""

import re

import pytest
from django.contrib.auth.models import User

from config.sign_in.links import make_link
from config.sign_in.models import PasswordLink
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client):
    ada = make_user("ada", staff=True)
    User.objects.filter(pk=ada.pk).update(is_superuser=True)
    client.force_login(ada)
    return ada


def save(client, user, **changed):
    """The response to the user's form with these boxes changed."""
    boxes = {"is_active": True, "is_staff": user.is_staff, "is_superuser": user.is_superuser}
    checked = {name: "on" for name, value in {**boxes, **changed}.items() if value}
    joined = {"date_joined_0": "2026-11-01", "date_joined_1": "12:00:00"}
    data = {"username": user.username, **joined, **checked}
    return client.post(f"/admin/auth/user/{user.pk}/change/", data)


@pytest.mark.parametrize("box", ["is_active", "is_superuser"])
def test_last_administrator_stays_one(client, ada, box):
    ada.refresh_from_db()
    response = save(client, ada, **{box: False})
    assert response.status_code == 200
    assert "This is the last administrator who can sign in" in response.content.decode()
    assert client.post(f"/admin/auth/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=ada.pk, is_active=True, is_superuser=True).exists()


def test_other_administrator_is_disabled_and_loses_the_link(client, ada):
    bea = make_user("bea", staff=True)
    User.objects.filter(pk=bea.pk).update(is_superuser=True)
    bea.refresh_from_db()
    make_link(bea)
    assert save(client, bea, is_active=False).status_code == 302
    assert not User.objects.get(pk=bea.pk).is_active
    assert not PasswordLink.objects.exists()


@pytest.mark.parametrize(
    ("language", "names"),
    # Django's own German calls a superuser what our pages call staff.
    [("en", ["Staff", "Administrator"]), ("de", ["Administrator", "Superadministrator"])],
)
def test_roles_have_the_names_of_our_pages(client, ada, language, names):
    address = f"/admin/auth/user/{ada.pk}/change/"
    page = client.get(address, headers={"Accept-Language": language}).content.decode()
    assert re.findall(r'for="id_is_s(?:taff|uperuser)"[^>]*>\s*([^<:]*)', page) == names
