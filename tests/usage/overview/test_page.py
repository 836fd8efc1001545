"""The Overview: what it shows to whom, and where each figure leads."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from monitoring.models import Alert
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import Visit
from usage.overview import hours
from usage.overview.visits import previous_visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def traffic(bob):
    """One request an hour for four days; every fourth is of Bob's key, and two hours went wrong."""
    upstream = make_upstream(name="main")
    make_client_key(upstream, "sk-client-0000", name="laptop", owner=bob)
    make_client_key(upstream, "sk-client-1111", name="robot")
    hour = datetime.now(UTC).replace(minute=1, second=0, microsecond=0)
    store(
        upstream,
        *[
            make_event(
                timestamp=hour - timedelta(hours=n),
                api_key="sk-client-0000" if n % 4 == 0 else "sk-client-1111",
                model=f"model-{n % 2}",
                failed=n in (5, 6),
                latency_ms=1000,
            )
            for n in range(96)
        ],
    )
    return upstream


def region(client, **query):
    response = client.get("/", query, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.content.decode()
    return " ".join(response.content.decode().split())


def test_is_the_first_page_and_signing_in_leads_there(client):
    make_user("eve")
    assert client.get("/").headers["Location"] == "/login/?next=/"
    credentials = {"username": "eve", "password": "correct horse"}
    response = client.post("/login/", credentials, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "No usage in this range" in response.content.decode()


def test_staff_see_everything(staff, traffic):
    page = region(staff)
    assert "96 attempts" in page
    assert re.search(r'title="Upstream main"', page)
    assert "88 of 90 hours good" in page
    assert "✕ 2 bad" in page
    for heading in ("client key", "model", "credential", "user"):
        assert f"Tokens by {heading}" in page
    assert {"laptop", "robot", "model-0"} <= set(re.findall(r'class="name"[^>]*>([^<]+)</a>', page))


def test_a_key_too_short_to_be_shown_is_called_by_its_index(staff):
    keys = [{"source": "sk-lab", "auth_type": "apikey", "auth_index": index} for index in "ab"]
    store(make_upstream(), *[make_event(timestamp=datetime.now(UTC), **key) for key in keys])
    names = re.findall(r'class="name"[^>]*credential=\d+"[^>]*>([^<]+)</a>', region(staff))
    assert sorted(names) == ["a", "b"]


def test_users_see_their_own_keys(client, bob, traffic):
    client.force_login(bob)
    page = region(client)
    assert "24 attempts" in page
    assert "robot" not in page
    assert "Tokens by credential" not in page
    assert page.count("all 23 hours good") == 3, "of the upstream, of the provider, and of the key"
    assert 'title="Client key laptop"' in page
    assert re.search(r'title="Provider \w+"', page)


def test_providers_of_a_user_with_very_much_traffic_are_left_out(client, bob, traffic, monkeypatch):
    monkeypatch.setattr(hours, "MOST_EVENTS", 22)
    client.force_login(bob)
    assert region(client).count("all 23 hours good") == 2


def test_a_stranger_sees_nothing_of_it(client, traffic):
    assert client.get("/", headers={"HX-Request": "true"}).status_code == 401


@pytest.mark.parametrize("range_", ["today", "yesterday", "7d", "30d", "90d"])
def test_every_link_leads_to_a_page(staff, traffic, range_):
    page = region(staff, range=range_)
    links = {href.replace("&amp;", "&") for href in re.findall(r'<a\b[^>]*href="([^"]+)"', page)}
    wrong = {href for href in links if staff.get(href).status_code != 200}
    assert len(links) > 20
    assert wrong == set()


@pytest.mark.parametrize("range_", ["7d", "30d"])
def test_an_hour_of_the_week_leads_to_its_events(staff, traffic, range_):
    title = r'title="\w{3} \d+:00: (\d+) attempts?[^"]*"'
    cells = re.findall(rf'<a tabindex="-1" href="([^"]+)" {title}', region(staff, range=range_))
    assert sum(int(attempts) for _, attempts in cells) == 96
    for href, attempts in cells[::20]:
        page = staff.get(href.replace("&amp;", "&")).content.decode()
        assert len(set(re.findall(r"/usage/events/(\d+)/", page))) == int(attempts)
        assert "Remove filter Hour" in page


def test_what_went_wrong_is_a_link_without_pointing(staff, traffic):
    found = re.search(r'<a href="([^"]+)"[^>]*> <span class="bad">', region(staff))
    page = staff.get(found[1].replace("&amp;", "&")).content.decode()
    assert len(set(re.findall(r"/usage/events/(\d+)/", page))) == 2


def test_hours_that_went_wrong_lead_to_their_failures(staff, traffic):
    href = re.search(r'<a href="([^"]+)"[^>]*> <title>[^<]+2 of 2 attempts failed', region(staff))
    page = staff.get(href[1].replace("&amp;", "&")).content.decode()
    assert page.count('href="/usage/events/') >= 2
    assert "badge good" not in page


def test_the_age_of_what_is_shown_leads_staff_to_the_collection(staff, traffic):
    assert re.search(r'<a href="/monitoring/">\s*[✓▲✕]', staff.get("/overview/").content.decode())


def test_window_is_compared_with_the_one_before(staff):
    now = datetime.now(UTC)
    events = [make_event(timestamp=now - timedelta(days=8, minutes=n)) for n in range(2)]
    upstream = make_upstream()
    store(upstream, *events, *[make_event(timestamp=now) for _ in range(3)])
    page = region(staff, range="7d")
    assert 'class="change"' not in page
    store(upstream, make_event(timestamp=now - timedelta(days=20)))
    assert "▲ 50 %" in region(staff, range="7d")


def test_growth_from_next_to_nothing_is_no_long_number(staff):
    now = datetime.now(UTC)
    events = [make_event(timestamp=now, request_id=f"{n}") for n in range(30)]
    before = [make_event(timestamp=now - timedelta(days=days)) for days in (8, 20)]
    store(make_upstream(), *before, *events)
    assert "▲ &gt;999 %" in region(staff, range="7d")


def test_nothing_wrong_is_said(staff, client, bob, traffic):
    page = region(staff, range="90d")
    assert ("Nothing is wrong now" in page) != ("What is wrong now" in page)
    client.force_login(bob)
    assert "Nothing is wrong now: no kind of failure stands out." in region(client)


def test_wrong_range_is_refused_with_words(staff):
    response = staff.get("/", {"tz": "Mars"})
    assert response.status_code == 400
    assert "expected an IANA time zone" in response.content.decode()


def test_nothing_to_show_explains_itself(staff):
    page = region(staff)
    assert "No usage in this range" in page
    assert "Open Doctor" in page


def test_since_the_last_visit(staff, traffic):
    ada = staff.get("/").wsgi_request.user
    assert "Since you were last here" not in region(staff)
    hours_ago = datetime.now(UTC) - timedelta(hours=8)
    Visit.objects.filter(user=ada).update(began_at=hours_ago)
    assert "Since you were last here" not in region(staff), "a poll begins no visit"
    page = " ".join(staff.get("/").content.decode().split())
    assert "Since you were last here, 8 h ago" in page
    assert "2 failed" in page
    assert "alert fired" not in page
    fired = datetime.now(UTC) - timedelta(hours=1)
    instants = {"fired_at": fired, "pending_since": fired, "breached_at": fired}
    Alert.objects.create(
        rule_name="Failures", severity="warning", value=1, worst=1, state="firing", **instants
    )
    assert "1 alert fired" in region(staff)


def test_a_visit_lasts_half_an_hour_however_often_the_page_is_opened(bob):
    assert previous_visit(bob, is_opened=True) is None
    began_at = datetime.now(UTC) - timedelta(minutes=29)
    Visit.objects.filter(user=bob).update(began_at=began_at)
    assert previous_visit(bob, is_opened=True) is None
    Visit.objects.filter(user=bob).update(began_at=began_at - timedelta(minutes=2))
    for _ in range(2):
        assert previous_visit(bob, is_opened=True) == began_at - timedelta(minutes=2)


def test_cached_page_takes_few_statements(staff, traffic, django_assert_max_num_queries):
    region(staff)
    with django_assert_max_num_queries(40):
        region(staff)
