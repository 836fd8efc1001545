"""Saving a page, opening it again, the list, and the start page."""

import re
from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import SavedView
from usage.saved_views.actions import save as save_view
from usage.saved_views.actions import start_with

pytestmark = pytest.mark.django_db
VIEWS = "/usage/views/"


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(client, ada):
    client.force_login(ada)
    return client


@pytest.fixture
def key(bob):
    upstream = make_upstream()
    key = make_client_key(upstream, "sk-client-0000", name="laptop", owner=bob)
    store(upstream, make_event(timestamp=datetime.now(UTC), api_key="sk-client-0000", model="m-1"))
    return key


def save(client, name="mine", page="usage", query="range=30d", **more):
    data = {"name": name, "page": page, "query": query, **more}
    return client.post(f"{VIEWS}save/", data, follow=True)


def text(response):
    return " ".join(response.content.decode().split())


PAGES = {
    "usage": "range=30d&by=model&measure=cost&bucket=week",
    "speed": "range=30d&by=key&percentile=99",
    "matrix": "rows=model&columns=provider&cells=tokens",
    "compare": "against=model&model=m-1&other=m-2",
    "events": "outcome=failed",
    "failures": "range=7d&bucket=day",
}


@pytest.mark.parametrize(("page", "query"), PAGES.items())
def test_every_page_is_saved_and_opened_as_it_was(staff, key, page, query):
    response = save(staff, page=page, query=f"{query}&cursor=AAA&unknown=1")
    assert response.status_code == 200
    assert "“mine” is saved." in text(response)
    view = SavedView.objects.get()
    assert QueryDict(view.query) == QueryDict(query)
    opened = staff.get(f"{VIEWS}{view.pk}/", follow=True)
    assert opened.redirect_chain[-1][0] == f"/usage/{'' if page == 'usage' else page + '/'}?{query}"


def test_a_page_offers_its_views(staff, ada, bob):
    save_view(bob, "of Bob", "usage", "", is_shared=True)
    save_view(bob, "hidden", "usage", "", is_shared=False)
    page = text(staff.get("/usage/speed/", {"range": "30d", "by": "key"}))
    assert ">of Bob</a>" in page
    assert "hidden</a>" not in page
    assert '<input type="hidden" name="query" value="range=30d&amp;by=key">' in page
    assert "data-copy-address" in page
    assert "data-print" in page


@pytest.mark.parametrize(
    "wrong",
    [{"query": "tz=Mars"}, {"page": "moon"}, {"name": ""}, {"query": "a=" + "x" * 5000}],
)
def test_what_a_page_would_refuse_is_not_saved(staff, wrong):
    response = save(staff, **wrong)
    assert not SavedView.objects.exists()
    assert "banner-error" in text(response)


def test_views_of_no_user_are_offered_and_kept_by_staff(staff, bob):
    view = save_view(bob, "left", "usage", "", is_shared=True)
    bob.delete()
    assert ">left</a>" in text(staff.get("/usage/"))
    page = text(staff.get(VIEWS))
    assert "no user" in page
    assert "Share no longer" not in page
    staff.post(f"{VIEWS}{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_users_cannot_save_what_they_may_not_filter_by(client, bob):
    client.force_login(bob)
    save(client, query="credential=1")
    assert not SavedView.objects.exists()


def test_list_has_filters_in_words_and_what_is_gone(staff, ada, key):
    save_view(ada, "whole", "usage", f"range=90d&key={key.pk}", is_shared=True)
    save_view(ada, "broken", "usage", "key=4711", is_shared=False)
    page = text(staff.get(VIEWS))
    assert "90 days · Client key: laptop" in page
    assert "✕ Client key 4711 no longer exists" in page
    opened = staff.get(f"{VIEWS}{SavedView.objects.get(name='broken').pk}/", follow=True)
    assert "is not what it was: Client key 4711 no longer exists" in text(opened)


def test_a_shared_view_shows_each_user_their_own(client, ada, key):
    view = save_view(ada, "keys", "usage", f"key={key.pk}", is_shared=True)
    client.force_login(make_user("eve"))
    page = text(client.get(VIEWS))
    assert "laptop" not in page
    assert "Rename" not in page
    assert client.get(f"{VIEWS}{view.pk}/").status_code == 302
    assert client.post(f"{VIEWS}{view.pk}/delete/", follow=True).status_code == 200
    assert SavedView.objects.exists()


def test_views_of_others_are_not_found(client, ada, bob):
    view = save_view(ada, "mine", "usage", "", is_shared=False)
    client.force_login(bob)
    assert client.get(f"{VIEWS}{view.pk}/").status_code == 404
    assert client.post(f"{VIEWS}{view.pk}/start/").status_code == 404


def test_renamed_shared_and_deleted_on_the_list(staff, ada):
    view = save_view(ada, "old", "usage", "", is_shared=False)
    staff.post(f"{VIEWS}{view.pk}/rename/", {"name": "new"})
    staff.post(f"{VIEWS}{view.pk}/share/", {"shared": "1"})
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("new", True)
    staff.post(f"{VIEWS}{view.pk}/share/", {"shared": ""})
    view.refresh_from_db()
    assert not view.is_shared
    staff.post(f"{VIEWS}{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_a_view_is_the_start_page_after_signing_in(client, ada):
    view = save_view(ada, "start", "matrix", "range=30d", is_shared=False)
    client.force_login(ada)
    client.post(f"{VIEWS}{view.pk}/start/")
    client.logout()
    credentials = {"username": "ada", "password": "correct horse"}
    response = client.post("/login/", credentials, follow=True)
    assert [where for where, _ in response.redirect_chain] == ["/", "/usage/matrix/?range=30d"]
    assert re.search(r'href="/overview/"[^>]*>.*?Overview', text(response))
    assert "Overview" in text(client.get("/overview/"))
    assert client.get("/", {"range": "7d"}).status_code == 200
    assert client.get("/", headers={"HX-Request": "true"}).status_code == 200
    client.post(f"{VIEWS}start/")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("query", ["key=4711", "outcome=maybe"])
def test_a_start_page_that_cannot_be_shown_is_the_overview(staff, ada, query):
    start_with(save_view(ada, "broken", "usage", query, is_shared=False), ada)
    response = staff.get("/")
    assert response.status_code == 200
    assert "Your start page “broken” cannot be shown" in text(response)


def test_views_are_for_those_who_signed_in(client):
    for address in (VIEWS, f"{VIEWS}1/"):
        assert client.get(address).headers["Location"].startswith("/login/")
    assert client.post(f"{VIEWS}save/").headers["Location"].startswith("/login/")
