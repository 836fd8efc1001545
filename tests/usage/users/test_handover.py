"""Handing over what a user owns: shown, then done in one act, upstream included."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys
from management_proxy.tokens.actions import create_token
from monitoring.models import AuditEntry
from providers.client_keys.actions import create
from providers.models import Account, ClientKey, Placement, ProviderGroup, ProviderKey
from tests.factories import make_upstream, make_user
from tests.providers.conftest import simulator, upstream  # noqa: F401
from usage.models import SavedView
from usage.saved_views.actions import save
from usage.users.handover import belongings

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def ann():
    return make_user("ann")


def own_things(bob, upstream) -> None:  # noqa: F811
    ProviderKey.objects.create(
        upstream=upstream, family="claude", digest=b"k" * 32, owner=bob, name="work"
    )
    Account.objects.create(
        upstream=upstream, name="a.json", provider="claude", owner=bob, origin="login"
    )
    create_token(bob, "script", "write")
    save(bob, "board", "usage", "", is_shared=True)
    save(bob, "diary", "usage", "", is_shared=False)


@pytest.fixture
def bob(upstream):  # noqa: F811
    user = make_user("bob")
    create(upstream, user, owner=user, name="laptop", key="sk-laptop-0123456789")
    own_things(user, upstream)
    return user


def hand_over(client, user, **more):
    wanted = {"client_keys": "revoke", "shown": belongings(user).digest, **more}
    return client.post(f"/users/{user.pk}/hand-over/", wanted, follow=True)


def listed(simulator) -> list[str]:  # noqa: F811
    return read_client_keys(ManagementClient(simulator.management_url, simulator.key))


def test_everything_is_shown_and_then_done(admin, bob, ann, simulator):  # noqa: F811
    page = admin.get(f"/users/{bob.pk}/hand-over/").content.decode()
    assert all(name in page for name in ("laptop", "work", "a.json", "script", "board", "diary"))
    assert "sk-laptop-0123456789" in listed(simulator)
    page = hand_over(admin, bob, to=ann.pk, disables="on").content.decode()
    assert "is handed over" in page
    assert "not certain" not in page
    assert "sk-laptop-0123456789" not in listed(simulator)
    key = ClientKey.objects.get(name="laptop")
    assert (key.state, key.owner) == ("revoked", bob), "its past usage stays with him"
    assert {ProviderKey.objects.get().owner, Account.objects.get().owner} == {ann}
    assert list(SavedView.objects.values_list("name", "owner")) == [("board", ann.pk)]
    assert not bob.personal_tokens.filter(revoked_at=None).exists()
    bob.refresh_from_db()
    assert not bob.is_active
    entry = AuditEntry.objects.get(action="user.handed_over")
    assert (entry.actor, entry.target, entry.detail["owner"]) == ("ada", "bob", "ann")
    assert AuditEntry.objects.get(action="client_key.removed").outcome == "succeeded"
    assert not belongings(bob)


def test_client_keys_can_be_transferred_and_the_user_kept(admin, bob, ann, simulator):  # noqa: F811
    hand_over(admin, bob, to=ann.pk, client_keys="transfer")
    assert ClientKey.objects.get(name="laptop").owner == ann
    assert "sk-laptop-0123456789" in listed(simulator)
    bob.refresh_from_db()
    assert bob.is_active


def test_to_no_user(admin, bob):
    hand_over(admin, bob, to="")
    assert (ProviderKey.objects.get().owner, Account.objects.get().owner) == (None, None)
    assert SavedView.objects.get().owner is None


def test_what_was_not_shown_is_not_handed_over(admin, ann):
    bob, upstream = make_user("bob"), make_upstream()  # noqa: F811
    shown = belongings(bob).digest
    own_things(bob, upstream)
    response = hand_over(admin, bob, to=ann.pk, shown=shown)
    assert response.status_code == 400
    assert "has changed meanwhile" in response.content.decode()
    assert belongings(bob).digest in response.content.decode()
    assert ProviderKey.objects.get().owner == bob


def test_a_change_that_cannot_be_recorded_undoes_all(admin, bob, ann, monkeypatch):
    monkeypatch.setattr("providers.funnel.writes.LONGEST_QUEUE", 0)
    response = hand_over(admin, bob, to=ann.pk, disables="on")
    assert response.status_code == 400
    assert "changes wait" in response.content.decode()
    bob.refresh_from_db()
    assert bob.is_active
    assert {ProviderKey.objects.get().owner, Account.objects.get().owner} == {bob}
    assert bob.personal_tokens.filter(revoked_at=None).exists()


def test_upstream_out_of_reach_is_reported_and_the_key_goes_later(admin, ann):
    bob = make_user("bob")
    upstream = make_upstream()  # noqa: F811
    ClientKey.objects.create(
        upstream=upstream, digest=b"d" * 32, name="laptop", owner=bob, state="active"
    )
    page = hand_over(admin, bob, to=ann.pk).content.decode()
    assert "is not certain yet" in page
    assert ClientKey.objects.get().state == "active"


def test_groups_of_the_same_name_become_one(admin, ann):
    bob, upstream = make_user("bob"), make_upstream()  # noqa: F811
    key = ProviderKey.objects.create(upstream=upstream, family="compat", digest=b"k" * 32)
    his, hers = (
        ProviderGroup.objects.create(upstream=upstream, owner=owner, name="fast")
        for owner in (bob, ann)
    )
    Placement.objects.create(provider_key=key, group=his)
    ProviderGroup.objects.create(upstream=upstream, owner=bob, name="slow")
    hand_over(admin, bob, to=ann.pk)
    assert sorted(ann.provider_groups.values_list("name", flat=True)) == ["fast", "slow"]
    assert Placement.objects.get().group == hers


@pytest.mark.parametrize("wrong", ["themselves", "disabled", "no such user"])
def test_wrong_new_owner_is_refused(admin, ann, wrong):
    bob = make_user("bob")
    User.objects.filter(pk=ann.pk).update(is_active=wrong != "disabled")
    to = {"themselves": bob.pk, "disabled": ann.pk, "no such user": 10**9}[wrong]
    assert hand_over(admin, bob, to=to).status_code == 400


def test_the_last_administrator_is_not_disabled_by_it(admin):
    ada = User.objects.get(username="ada")
    create_token(ada, "script", "read")
    page = hand_over(admin, ada, to="", disables="on").content.decode()
    assert "This is the last administrator" in page
    assert ada.personal_tokens.filter(revoked_at=None).exists()


def test_revoked_key_stays_with_its_owner(admin, ann):
    bob, upstream = make_user("bob"), make_upstream()  # noqa: F811
    ClientKey.objects.create(
        upstream=upstream, digest=b"d" * 32, owner=bob, state="revoked", revoked_at=timezone.now()
    )
    hand_over(admin, bob, to=ann.pk, client_keys="transfer")
    assert ClientKey.objects.get().owner == bob
