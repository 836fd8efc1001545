"""The Matrix page: its figures lead to as many events, and users see their own."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store

pytestmark = pytest.mark.django_db
MATRIX = "/usage/matrix/"


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def traffic(bob):
    """Forty models, so that not all have a column, and three keys."""
    upstream = make_upstream()
    for number in range(3):
        owner = bob if number == 0 else None
        make_client_key(upstream, f"sk-{number}000", name=f"key-{number}", owner=owner)
    store(
        upstream,
        *[
            make_event(
                timestamp=datetime.now(UTC) - timedelta(minutes=n),
                api_key=f"sk-{n % 3}000",
                model=f"model-{n % 40:02}",
                failed=n % 10 == 0,
            )
            for n in range(120)
        ],
    )


def region(client, **query):
    response = client.get(MATRIX, query, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.content.decode()
    return " ".join(response.content.decode().split())


def events_behind(client, href):
    page = client.get(unescape(href) + "&limit=500").content.decode()
    return len(set(re.findall(r'href="(/usage/events/\d+/)', page)))


def test_every_figure_leads_to_as_many_events(staff, traffic):
    page = region(staff, range="7d")
    assert "Client key by model" in page
    assert "29 others" in page
    links = re.findall(r'<a href="(/usage/events/[^"]+)" title="([\d,]+) requests', page)
    assert len(links) > 30
    # One of each kind: everything, a row, a cell, the rest of a row, and that of all.
    for href, count in [links[0], links[1], links[11], links[12], links[-1], links[-2]]:
        assert events_behind(staff, href) == int(count)


@pytest.mark.parametrize("cells", ["requests", "tokens", "cost", "failures"])
def test_cells_show_what_is_chosen(staff, traffic, cells):
    page = region(staff, rows="model", columns="provider", cells=cells)
    assert "Model by provider" in page
    if cells == "failures":
        href = re.search(r'<a href="([^"]+outcome=failed)"', page)[1]
        assert events_behind(staff, href) == 3


def test_values_too_many_for_an_address_have_no_link(staff):
    events = [
        make_event(timestamp=datetime.now(UTC), model=f"model-{n}-{'x' * 40}") for n in range(70)
    ]
    store(make_upstream(), *events)
    page = region(staff)
    assert "no link: more values than an address can name" in page


def test_users_see_their_own_usage(client, bob, traffic):
    client.force_login(bob)
    page = region(client)
    assert "key-0" in page
    assert "key-1" not in page
    assert region(client, rows="model", columns="outcome")
    assert client.get(MATRIX, {"rows": "credential"}).status_code == 400


def test_rows_and_columns_differ(staff, traffic):
    assert "Model by client key" in region(staff, rows="model")
    response = staff.get(MATRIX, {"rows": "key", "columns": "key"})
    assert response.status_code == 400
    assert "expected another dimension" in response.content.decode()


def test_equal_page_comes_from_the_cache(staff, traffic, django_assert_max_num_queries):
    region(staff)
    with django_assert_max_num_queries(6):
        region(staff)
