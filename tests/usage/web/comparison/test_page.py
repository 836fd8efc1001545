"""The Compare page: both columns, their change, and what users may compare."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.forms.comparison import COMPARED

pytestmark = pytest.mark.django_db
COMPARE = "/usage/compare/"


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def keys(bob):
    """Three keys; six requests of the first, three of the second, and two a week before."""
    upstream = make_upstream()
    keys = [
        make_client_key(upstream, f"sk-{n}000", name=f"key-{n}", owner=bob if n == 0 else None)
        for n in range(3)
    ]
    now = datetime.now(UTC)
    store(
        upstream,
        *[make_event(timestamp=now, api_key="sk-0000", latency_ms=2000) for _ in range(6)],
        *[make_event(timestamp=now, api_key="sk-1000", latency_ms=1000) for _ in range(3)],
        *[make_event(timestamp=now - timedelta(days=7, hours=9), api_key="sk-2000")] * 2,
        make_event(timestamp=now - timedelta(days=7, hours=9), api_key="sk-2000"),
    )
    return keys


def region(client, **query):
    response = client.get(COMPARE, query, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.content.decode()
    return " ".join(response.content.decode().split())


def figures(page, name):
    """The cells of a row of the table."""
    row = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', page)[1]
    return [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row)]


def test_compares_with_the_time_before(staff, keys):
    page = region(staff, range="7d")
    assert "This range" in page
    assert "Previous period" in page
    assert figures(page, "Requests") == ["9", "2", "▲ 350 %"]
    assert figures(page, "Success rate") == ["100 %", "100 %", "± 0 pt"]
    assert page.count("<usage-chart") == 6


def test_compares_two_keys_side_by_side(staff, keys):
    page = region(staff, against="key", key=keys[0].pk, other=keys[1].pk)
    assert re.search(r">key-0</a>.*>key-1</a>", page)
    assert figures(page, "Requests") == ["6", "3", "▲ 100 %"]
    assert figures(page, "Latency p95")[2] == "▲ 97 %", "percentiles are within 2 %"
    first, second = re.findall(r'· <a href="([^"]+)">Events', page)
    for href, count in ((first, 6), (second, 3)):
        events = staff.get(unescape(href)).content.decode()
        assert len(set(re.findall(r'href="(/usage/events/\d+/)', events))) == count


def test_without_a_filter_the_first_side_is_everything(staff, keys):
    page = region(staff, against="key", other=keys[1].pk)
    assert figures(page, "Requests")[:2] == ["9", "3"]
    assert "All</a>" in page


@pytest.mark.parametrize("against", [d.value for d in COMPARED])
def test_every_dimension_asks_for_a_value_first(staff, keys, against):
    assert "Compare with what?" in region(staff, against=against)


def test_choices_are_the_values_of_both_sides(staff, keys):
    page = staff.get(COMPARE, {"against": "key", "key": keys[0].pk}).content.decode()
    choices = page.partition('class="by choices"')[2].partition("</form>")[0]
    assert re.search(rf'<select name="key">.*value="{keys[0].pk}" selected', choices, re.DOTALL)
    assert '<select name="other">' in choices


def test_users_compare_their_own_usage_and_learn_no_names(client, bob, keys):
    client.force_login(bob)
    page = region(client, against="key", key=keys[0].pk, other=keys[1].pk)
    assert figures(page, "Requests")[:2] == ["6", "0"]
    assert "key-1" not in page
    assert client.get(COMPARE, {"against": "credential"}).status_code == 400


@pytest.mark.parametrize(
    "query", [{"against": "moon"}, {"against": "key", "other": "x"}, {"against": "outcome"}]
)
def test_wrong_queries_are_refused(staff, query):
    assert staff.get(COMPARE, query).status_code == 400


def test_nothing_on_either_side_says_so(staff):
    assert "No usage in this range" in region(staff)


def test_equal_page_comes_from_the_cache(staff, keys, django_assert_max_num_queries):
    region(staff)
    with django_assert_max_num_queries(6):
        region(staff)
