"""Saved views: whose they are, what becomes of them when their owner leaves, and what of their
filters no longer exists."""

import pytest
from django.db import IntegrityError, transaction

from monitoring.models import AuditEntry
from providers.models import ClientKey
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.history.scope import Scope
from usage.models import SavedView, StartPage
from usage.saved_views import actions
from usage.saved_views.actions import Refused, hand_over, save, set_shared, start_with
from usage.saved_views.queries import missing_from, start_view, visible_to

pytestmark = pytest.mark.django_db
USAGE = SavedView.Page.USAGE


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def bob():
    return make_user("bob")


def view(owner, name="week", query="range=7d", *, is_shared=False):
    return save(owner, name, USAGE, query, is_shared=is_shared)


def test_same_name_is_the_same_view(ada, bob):
    first = view(bob)
    again = view(bob, query="range=30d")
    assert (again.pk, again.query) == (first.pk, "range=30d")
    assert view(ada).pk != first.pk


def test_users_see_their_own_and_shared_views(ada, bob):
    own, shared, _hidden = view(bob), view(ada, "all", is_shared=True), view(ada, "mine")
    assert list(visible_to(bob)) == [shared, own]


def test_only_owner_and_staff_change_a_view(ada, bob):
    shared = view(ada, is_shared=True)
    for act in (
        lambda: actions.rename(shared, "x", bob),
        lambda: set_shared(shared, bob, is_shared=False),
        lambda: actions.delete(shared, bob),
    ):
        with pytest.raises(Refused):
            act()
    private = view(bob)
    with pytest.raises(Refused):
        actions.delete(private, ada)
    bobs = view(bob, "shared", is_shared=True)
    actions.rename(bobs, "renamed", ada)
    actions.delete(bobs, ada)
    assert list(visible_to(bob)) == [shared, private]


def test_a_name_is_given_once(bob):
    view(bob, "one")
    other = view(bob, "two")
    with pytest.raises(Refused, match="Another saved view"):
        actions.rename(other, "one", bob)
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner=bob, name="one", page=USAGE)


def test_there_is_an_end_to_how_many(bob, monkeypatch):
    monkeypatch.setattr(actions, "MOST_PER_USER", 2)
    view(bob, "one")
    view(bob, "two")
    with pytest.raises(Refused, match="2 saved views"):
        view(bob, "three")
    view(bob, "two", "range=90d")


def test_what_concerns_others_is_audited(ada, bob):
    view(bob)
    assert not AuditEntry.objects.exists()
    shared = view(bob, is_shared=True)
    set_shared(shared, bob, is_shared=False)
    acts = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(acts) == ["saved_view.saved", "saved_view.unshared"]


def test_views_survive_the_leaving_of_their_owner(ada, bob):
    view(bob, "week", "range=30d", is_shared=True)
    view(bob, "mine")
    view(ada, "week")
    hand_over(list(SavedView.objects.filter(owner=bob)), ada)
    names = SavedView.objects.filter(owner=ada).values_list("name", "query")
    assert set(names) == {("week", "range=7d"), ("week (2)", "range=30d")}
    assert not SavedView.objects.filter(owner=bob).exists()


def test_deleting_a_user_keeps_what_others_use(ada, bob):
    shared, _private = view(bob, is_shared=True), view(bob, "mine")
    start_with(shared, ada)
    bob.delete()
    (left,) = SavedView.objects.all()
    assert (left, left.owner, left.is_shared) == (shared, None, True)
    assert start_view(ada) == shared
    with pytest.raises(Refused, match="No user owns"):
        set_shared(left, ada, is_shared=False)


def test_a_start_page_ends_with_its_view(ada, bob):
    shared = view(ada, is_shared=True)
    start_with(shared, bob)
    start_with(shared, ada)
    set_shared(shared, ada, is_shared=False)
    assert (start_view(bob), start_view(ada)) == (None, shared)
    actions.delete(shared, ada)
    assert start_view(ada) is None
    start_with(view(bob), bob)
    start_with(None, bob)
    assert not StartPage.objects.exists()


def test_a_view_that_is_saved_again_for_oneself_is_no_start_page_of_others(ada, bob):
    start_with(view(ada, is_shared=True), bob)
    view(ada, is_shared=False)
    assert start_view(bob) is None


def test_what_no_longer_exists_is_named(ada, bob, django_assert_max_num_queries):
    upstream = make_upstream(name="main")
    key = make_client_key(upstream, "sk-1", owner=bob)
    other = make_client_key(upstream, "sk-2")
    store(upstream, make_event(model="model-1", provider="codex"))
    query = f"key={key.pk}&key=4711&model=model-1&model=gone&upstream=main&user={bob.pk}&user="
    good = view(ada, "good", f"key={other.pk}&key=unattributed&outcome=failed&model=(empty)")
    bad = view(ada, "bad", query)
    with django_assert_max_num_queries(4):
        missing = missing_from([good, bad], Scope.of(ada))
    assert missing[good.pk] == []
    assert {(m.dimension.value, m.value) for m in missing[bad.pk]} == {
        ("key", "4711"),
        ("model", "gone"),
    }
    of_bob = missing_from([good, bad], Scope.of(bob))
    assert [(m.dimension.value, m.value) for m in of_bob[good.pk]] == [("key", str(other.pk))]
    ClientKey.objects.filter(pk=other.pk).delete()
    assert missing_from([good], Scope.of(ada))[good.pk]


def test_a_query_that_cannot_be_read_has_no_filters(ada):
    broken = view(ada, query="outcome=maybe")
    assert missing_from([broken], Scope.of(ada)) == {broken.pk: []}
