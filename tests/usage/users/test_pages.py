"""The pages of users: who sees them, what they list, and what staff and administrators can do."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from management_proxy.tokens.actions import create_token
from monitoring.models import AuditEntry
from tests.concurrency import together
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.users import actions
from usage.users.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def admin(client, ada):
    client.force_login(ada)
    return client


@pytest.fixture
def sue():
    """Staff, and no administrator."""
    user = make_user("sue")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.refresh_from_db()
    return user


def link_in(response) -> str:
    return re.search(r"/join/tollgate_[\w-]+/", response.content.decode())[0]


def names(client, **query) -> list[str]:
    page = client.get("/users/", query).content.decode()
    return re.findall(r'class="name" href="/users/\d+/">([^<]+)<', page)


def test_the_list_counts_searches_and_sorts(admin):
    bob, upstream = make_user("bob"), make_upstream()
    make_client_key(upstream, "sk-bobs-key-0001", owner=bob)
    make_client_key(upstream, "sk-bobs-key-0002", owner=bob, state="revoked", revoked_at=now())
    create_token(bob, "script", "read")
    store(upstream, *[make_event(timestamp=now(), api_key="sk-bobs-key-0001") for _ in range(3)])
    User.objects.filter(pk=make_user("eve").pk).update(is_active=False)
    page = " ".join(admin.get("/users/").content.decode().split())
    row = re.search(r">bob</a></th>.*?</tr>", page)[0]
    assert re.findall(r'class="number">([^<]+)<', row)[:6] == ["1", "0", "0", "1", "3", "360"]
    assert names(admin) == ["ada", "bob", "eve"]
    assert names(admin, sort="usage") == ["bob", "ada", "eve"]
    assert names(admin, state="disabled") == ["eve"]
    assert names(admin, q="B") == ["bob"]
    assert names(admin, q="nobody", state="no such", sort="no such") == []


def now():
    return datetime.now(UTC)


def test_the_list_is_paged_and_takes_few_statements(admin, django_assert_max_num_queries):
    User.objects.bulk_create(User(username=f"user{n:03}") for n in range(120))
    with django_assert_max_num_queries(14):
        assert len(names(admin)) == 50
    assert names(admin, page="3")[-1] == "user119"
    assert names(admin, page="no page")[0] == "ada"


def test_users_and_strangers_see_none_of_it(client):
    ann = make_user("ann")
    paths = ["", "invite/", *(f"{ann.pk}/{rest}" for rest in ("", "hand-over/"))]
    acts = ["invite/", *(f"{ann.pk}/{rest}/" for rest in ("link", "disable", "enable", "role"))]
    for status in (302, 403):
        assert {client.get(f"/users/{path}").status_code for path in paths} == {status}
        assert {client.post(f"/users/{path}").status_code for path in acts} == {status}
        client.force_login(ann)


def test_invite_accept_and_sign_in(admin):
    response = admin.post("/users/invite/", {"name": "bob", "role": "staff"})
    assert response.status_code == 201
    link, bob = link_in(response), User.objects.get(username="bob")
    assert (bob.is_staff, bob.is_superuser, bob.has_usable_password()) == (True, False, False)
    assert names(admin, state="invited") == ["bob"]
    assert link not in admin.get(f"/users/{bob.pk}/").content.decode(), "shown once"
    other = Client()
    chosen = {"new_password1": "battery staple 9", "new_password2": "battery staple 9"}
    assert other.post(link, chosen).status_code == 302
    assert other.get("/monitoring/audit/").status_code == 200
    assert names(admin, state="active") == ["ada", "bob"]
    acts = AuditEntry.objects.filter(action__startswith="user.").order_by("pk")
    assert ("ada", "user.invited", "bob") in acts.values_list("actor", "action", "target")
    assert not [entry for entry in acts if "tollgate_" in f"{entry.detail}{entry.target}"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "required"),
        ({"name": "ADA"}, "exists already"),
        ({"name": "a b"}, "Enter a valid username"),
        ({"name": "x" * 151}, "at most 150"),
        ({"role": "emperor"}, "valid choice"),
    ],
)
def test_bad_invitations_are_refused_by_name(admin, wrong, says):
    response = admin.post("/users/invite/", {"name": "bob", "role": "user", **wrong})
    assert response.status_code == 400
    assert says in response.content.decode()
    assert not User.objects.filter(username="bob").exists()


def test_disabling_ends_sessions_tokens_and_links_for_good(admin):
    bob, browser = make_user("bob"), Client()
    browser.force_login(bob)
    _, secret = create_token(bob, "script", "read")
    bearer = {"Authorization": f"Bearer {secret}"}
    link = link_in(admin.post(f"/users/{bob.pk}/link/"))
    assert Client().get("/api/usage/budgets", headers=bearer).status_code == 200
    assert admin.post(f"/users/{bob.pk}/disable/").status_code == 302
    for _ in ("disabled", "enabled again"):
        assert browser.get("/usage/").status_code == 302
        assert Client().get("/api/usage/budgets", headers=bearer).status_code == 401
        assert Client().get(link).status_code == 404
        admin.post(f"/users/{bob.pk}/enable/")
    assert Client().login(username="bob", password="correct horse")
    acts = AuditEntry.objects.filter(target="bob", actor="ada").order_by("pk")
    expected = ["user.link_made", "user.disabled", "user.enabled"]
    assert list(acts.values_list("action", flat=True)) == expected


def test_disabled_user_gets_no_link(admin):
    bob = make_user("bob")
    admin.post(f"/users/{bob.pk}/disable/")
    page = admin.post(f"/users/{bob.pk}/link/", follow=True).content.decode()
    assert "enable them first" in page
    assert "/join/" not in page


def test_staff_act_on_ordinary_users_alone(client, ada, sue):
    bob, tim = make_user("bob"), make_user("tim")
    User.objects.filter(pk=tim.pk).update(is_staff=True)
    client.force_login(sue)
    for act in ("link", "disable", "enable"):
        for user in (ada, tim):
            page = client.post(f"/users/{user.pk}/{act}/", follow=True).content.decode()
            assert "Only administrators may change this user" in page
    assert "/join/" in client.post(f"/users/{bob.pk}/link/").content.decode()
    client.post(f"/users/{bob.pk}/role/", {"role": "staff"})
    assert client.post("/users/invite/", {"name": "x", "role": "staff"}).status_code == 400
    assert User.objects.filter(is_staff=True).count() == 3
    client.post(f"/users/{bob.pk}/disable/")
    assert list(User.objects.filter(is_active=False)) == [bob]


def test_the_last_administrator_stays_one(admin, ada, sue):
    for act, data in (("disable", {}), ("role", {"role": "staff"}), ("role", {"role": "user"})):
        page = admin.post(f"/users/{ada.pk}/{act}/", data, follow=True).content.decode()
        assert "This is the last administrator" in page
    admin.post(f"/users/{sue.pk}/role/", {"role": "administrator"})
    admin.post(f"/users/{ada.pk}/role/", {"role": "staff"})
    assert list(User.objects.filter(is_superuser=True)) == [sue]
    change = AuditEntry.objects.filter(action="user.role_changed").latest("pk")
    assert change.detail == {"role_before": "administrator", "role": "staff"}


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_end_each_other_at_once(ada):
    bea = make_user("bea", staff=True)

    def outcome(act) -> bool:
        try:
            act()
        except actions.Refused:
            return False
        return True

    done = together(
        lambda: outcome(lambda: actions.disable(bea.pk, ada)),
        lambda: outcome(lambda: actions.set_role(ada.pk, Role.USER, bea)),
    )
    assert sorted(done) == [False, True]
    assert User.objects.filter(is_active=True, is_superuser=True).count() == 1
