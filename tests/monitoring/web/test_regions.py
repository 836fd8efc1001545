"""The contract of pages that renew themselves: only what changed is sent, to its own user alone."""

import gzip
import json
import re

import pytest
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
# Has forms and live texts, and changes only when a rule, an alert or a channel does.
PAGE = "/monitoring/alerts/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def shown(client, path=PAGE):
    """The tags of the parts that a whole page shows, as its script sends them."""
    page = client.get(path).content.decode()
    parts = re.findall(r'data-part="([\w-]+)"\s+(?:\s*[a-z-]+="[^"]*")*?\s*id="([\w-]+)"', page)
    return '"' + ".".join(f"{name}:{tag}" for tag, name in parts) + '"'


def poll(client, held, path=PAGE, **headers):
    return client.get(path, headers={"HX-Request": "true", "If-None-Match": held, **headers})


def test_nothing_is_sent_while_nothing_changed(staff):
    response = poll(staff, shown(staff))
    assert (response.status_code, response.content) == (304, b"")
    assert "private" in response.headers["Cache-Control"]
    assert {"Cookie", "HX-Request"} <= set(response.headers["Vary"].split(", "))


def test_texts_that_move_by_themselves_are_sent_apart(staff):
    live = json.loads(poll(staff, shown(staff)).headers["Tollgate-Live"])
    text, instant = live["as-of"]
    assert text in instant or re.fullmatch(r"\d\d:\d\d:\d\d", text)


def test_only_the_part_that_changed_is_sent(staff):
    held = re.sub(r"bell:[\w-]+", "bell:other", shown(staff))
    response = poll(staff, held)
    body = response.content.decode()
    assert 'id="bell"' in body
    assert 'id="region"' not in body
    assert poll(staff, response.headers["ETag"]).status_code == 304


def test_tags_of_one_user_are_nothing_to_another(staff):
    held = shown(staff)
    other = Client()
    other.force_login(make_user("bea", staff=True))
    response = poll(other, held)
    assert response.status_code == 200
    assert 'id="region"' in response.content.decode()


def test_new_secret_of_forms_brings_new_forms(staff):
    held = shown(staff)
    del staff.cookies["csrftoken"]
    shown(staff)  # sets another
    assert 'id="region"' in poll(staff, held).content.decode()


def test_changed_parts_and_pages_are_compressed(staff):
    response = poll(staff, "", **{"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert 'id="region"' in gzip.decompress(response.content).decode()
    page = staff.get(PAGE, headers={"Accept-Encoding": "gzip"})
    assert b"<html" in gzip.decompress(page.content)


def test_what_scripts_read_is_left_uncompressed(staff):
    response = staff.get("/api/usage/collection-status", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers


def test_ended_session_leads_back_to_the_page_that_is_shown(client):
    shown_page = "http://testserver/usage/?range=30d&outcome=failed"
    response = poll(client, "", "/usage/", **{"HX-Current-URL": shown_page})
    assert response.status_code == 401
    assert (
        response.headers["HX-Redirect"]
        == "/login/?next=%2Fusage%2F%3Frange%3D30d%26outcome%3Dfailed"
    )


def test_ended_session_leads_nowhere_else(client):
    response = poll(client, "", "/usage/", **{"HX-Current-URL": "https://evil.example/phish?a=1"})
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fphish%3Fa%3D1"
