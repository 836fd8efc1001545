"""Sessions that bring their user: one statement, and Django's answer in every case."""

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import SESSION_KEY, get_user
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.sign_in.models import Session
from config.sign_in.sessions import SessionStore, user_of
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def who(client: Client) -> str:
    """The name under which a page greets the client; empty for a stranger."""
    response = client.get("/account/tokens/")
    return response.wsgi_request.user.get_username()


def test_session_and_user_are_one_statement():
    client = signed_in(make_user("ada"))
    request = RequestFactory().get("/")
    request.session = SessionStore(client.session.session_key)
    with CaptureQueriesContext(connection) as requested:
        assert user_of(request).username == "ada"
    assert len(requested) == 1


def test_user_is_the_one_that_django_finds():
    client = signed_in(make_user("ada"))
    ours, theirs = RequestFactory().get("/"), RequestFactory().get("/")
    ours.session, theirs.session = (
        SessionStore(client.session.session_key),
        SessionStore(client.session.session_key),
    )
    assert vars(user_of(ours)).keys() == vars(get_user(theirs)).keys()
    assert user_of(ours) == get_user(theirs)


def test_row_names_its_user():
    user = make_user()
    signed_in(user)
    assert Session.objects.get().user == user


def test_deactivated_user_is_out_at_once():
    user = make_user("ada")
    client = signed_in(user)
    assert who(client) == "ada"
    user.is_active = False
    user.save()
    assert who(client) == ""


def test_lost_rights_are_lost_at_once():
    user = make_user(staff=True)
    client = signed_in(user)
    assert client.get("/monitoring/").status_code == 200
    type(user).objects.update(is_staff=False, is_superuser=False)
    assert client.get("/monitoring/").status_code == 403


def test_changed_password_ends_every_other_session():
    user = make_user(staff=True)
    here, there = signed_in(user), signed_in(user)
    form = {
        "old_password": "correct horse",
        "new_password1": "battery staple 4",
        "new_password2": "battery staple 4",
    }
    assert here.post("/admin/password_change/", form).status_code == 302
    assert (who(here), who(there)) == (user.username, "")


def test_deleted_user_takes_the_sessions_along():
    user = make_user()
    client = signed_in(user)
    user.delete()
    assert not Session.objects.exists()
    assert who(client) == ""


def test_user_deleted_behind_django_is_a_stranger():
    user = make_user()
    client = signed_in(user)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE id = %s", [user.pk])
    assert who(client) == ""


def test_session_of_a_rotated_secret_goes_on_under_a_new_key(settings):
    settings.SECRET_KEY_FALLBACKS = [django_settings.SECRET_KEY]
    client = signed_in(make_user("ada"))
    before = client.session.session_key
    settings.SECRET_KEY = "another secret"
    assert who(client) == "ada"
    assert client.cookies["sessionid"].value != before
    settings.SECRET_KEY_FALLBACKS = []
    assert who(client) == "ada"


def test_user_of_another_backend_is_left_to_django(settings):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    user = make_user("ada")
    client = signed_in(user)
    type(user).objects.update(is_active=False)
    assert who(client) == "ada"
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert who(client) == ""


def test_ended_session_is_a_stranger_and_cleared():
    client = signed_in(make_user())
    Session.objects.update(expire_date=timezone.now())
    assert who(client) == ""
    call_command("clearsessions")
    assert not Session.objects.exists()


def test_signing_out_ends_the_session():
    client = signed_in(make_user())
    client.post("/logout/")
    assert not Session.objects.exists()


def test_signing_in_never_keeps_a_strangers_key():
    make_user("ada")
    client = Client()
    client.get("/login/")
    planted = SessionStore()
    planted["theme"] = "dark"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    client.post("/login/", {"username": "ada", "password": "correct horse"})
    assert client.cookies["sessionid"].value != planted.session_key
    assert who(client) == "ada"


@pytest.mark.django_db(transaction=True)
def test_sessions_of_an_older_release_go_on():
    user = make_user("ada")
    key = signed_in(user).session.session_key
    executor = MigrationExecutor(connection)
    executor.migrate([("sign_in", "0001_session")])
    old = executor.loader.project_state([("sessions", "0001_initial")]).apps.get_model(
        "sessions", "Session"
    )
    assert old.objects.get().session_key == key
    MigrationExecutor(connection).migrate(
        MigrationExecutor(connection).loader.graph.leaf_nodes("sign_in")
    )
    assert Session.objects.get().user == user
    assert SessionStore(key)[SESSION_KEY] == str(user.pk)
    assert not old.objects.exists()
