"""The Speed page: its charts, its table, what may be chosen, and for whom."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.history.dimensions import Dimension

pytestmark = pytest.mark.django_db
SPEED = "/usage/speed/"


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def traffic(bob):
    upstream = make_upstream()
    make_client_key(upstream, "sk-client-0000", name="laptop", owner=bob)
    make_client_key(upstream, "sk-client-1111", name="robot")
    store(
        upstream,
        *[
            make_event(
                timestamp=datetime.now(UTC) - timedelta(hours=n),
                api_key="sk-client-0000" if n % 4 == 0 else "sk-client-1111",
                provider=("codex", "claude")[n % 2],
                model=f"model-{n % 3}",
                latency_ms=1000 * (n + 1),
                ttft_ms=100 * (n + 1),
            )
            for n in range(24)
        ],
    )


def region(client, **query):
    response = client.get(SPEED, query, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.content.decode()
    return " ".join(response.content.decode().split())


def test_shows_percentiles_over_time_and_speed_by_provider(staff, traffic):
    page = region(staff)
    for heading in ("Latency per day", "First token per day", "Speed by provider"):
        assert heading in page
    assert "Latency p95 by provider per day" in page
    assert "Tokens per second by provider per day" in page
    assert re.search(r'<i class="line-1"></i>(codex|claude)', page)
    assert "within 2 % of the exact value" in page


@pytest.mark.parametrize("by", [d.value for d in Dimension])
def test_any_dimension_and_percentile(staff, traffic, by):
    page = region(staff, by=by, percentile="99", range="30d")
    assert f"First token p99 by {Dimension(by).label.lower()}" in page


def test_every_link_leads_to_a_page(staff, traffic):
    page = region(staff, by="failure_class")
    links = {href.replace("&amp;", "&") for href in re.findall(r'<a\b[^>]*href="([^"]+)"', page)}
    wrong = {
        href
        for href in links
        if staff.get(href if href[0] == "/" else SPEED + href).status_code != 200
    }
    assert len(links) > 7
    assert wrong == set()


def test_users_see_their_own_usage(client, bob, traffic):
    client.force_login(bob)
    page = region(client, by="key")
    assert "laptop" in page
    assert "robot" not in page
    assert re.search(r"<td[^>]*> <a[^>]*>\s*6\s*</a>", page)


def test_only_staff_split_by_credential(client, bob):
    client.force_login(bob)
    response = client.get(SPEED, {"by": "credential"})
    assert response.status_code == 400
    assert "only staff may use" in response.content.decode()
    assert "credential" not in client.get(SPEED).content.decode().lower()


def test_choices_keep_time_and_filters(staff, traffic):
    page = staff.get(SPEED, {"range": "30d", "model": "model-1", "by": "key"}).content.decode()
    choices = page.partition('class="by choices"')[2].partition("</form>")[0]
    assert '<input type="hidden" name="range" value="30d">' in choices
    assert '<input type="hidden" name="model" value="model-1">' in choices
    assert re.search(r'<option value="key" selected>\s*Client key', choices)


def test_nothing_and_wrong_queries_are_explained(staff):
    assert "No usage in this range" in region(staff)
    response = staff.get(SPEED, {"percentile": "98"})
    assert response.status_code == 400
    assert "This filter is not valid" in response.content.decode()


def test_equal_page_comes_from_the_cache(staff, traffic, django_assert_max_num_queries):
    region(staff)
    with django_assert_max_num_queries(6):
        region(staff)


def test_nothing_is_drawn_while_the_figures_are_those_that_are_shown(staff, traffic, monkeypatch):
    def poll():
        headers = {"HX-Request": "true", "If-None-Match": held, "Cache-Control": "no-cache"}
        return staff.get(SPEED, headers=headers)

    held = ""
    held = poll().headers["ETag"]
    with monkeypatch.context() as patched:
        patched.delattr("usage.web.speed.views.figures")
        assert poll().headers["ETag"].split(".")[0] == held.split(".")[0]
    store(make_upstream(), make_event(timestamp=datetime.now(UTC), latency_ms=77_000))
    assert 'id="region"' in poll().content.decode()
