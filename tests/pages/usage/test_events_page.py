"""The events page: pages by cursor, filters as chips, one event with everything but its secrets."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
EVENTS = "/usage/events/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def some_events(count=5, **fields):
    now = datetime.now(UTC)
    upstream = make_upstream()
    store(
        upstream,
        *[make_event(timestamp=now - timedelta(seconds=n), **fields) for n in range(count)],
    )
    return upstream


def shown(page):
    return re.findall(r'href="/usage/events/(\d+)/"', page)


def test_pages_lead_on_and_back(staff):
    some_events(5)
    newest = staff.get(EVENTS, {"limit": 2}).content.decode()
    assert 'data-poll="15"' in newest
    older = staff.get(
        EVENTS + re.search(r'rel="next" href="([^"]+)"', newest)[1].replace("&amp;", "&")
    ).content.decode()
    assert 'data-poll="15"' not in older
    assert f'data-poll-url="{EVENTS}' not in older
    assert len({*shown(newest), *shown(older)}) == 4
    back = staff.get(
        EVENTS + re.search(r'rel="prev" href="([^"]+)"', older)[1].replace("&amp;", "&")
    ).content.decode()
    assert shown(back) == shown(newest)


def test_filters_are_chips_that_can_be_left_out(staff):
    upstream = some_events(2)
    key = make_client_key(upstream, "sk-another-key-1111", name="laptop")
    store(
        upstream,
        make_event(timestamp=datetime.now(UTC), api_key="sk-another-key-1111", model="other"),
    )
    page = staff.get(EVENTS, {"key": key.pk, "model": "other", "range": "7d"}).content.decode()
    assert len(shown(page)) == 1
    assert re.search(r"Client key</span> laptop", page)
    remove = rf'href="\?key={key.pk}&amp;range=7d"\s+aria-label="Remove filter Model other"'
    assert re.search(remove, page)
    assert "format=csv" in page
    assert len(shown(staff.get(EVENTS, {"model": "nothing"}).content.decode())) == 0


def test_every_dimension_can_be_chosen(staff):
    make_client_key(some_events(), "sk-another-key-1111", owner=make_user("bob"))
    some_events(
        1,
        model="m",
        alias="a",
        provider="claude",
        endpoint="POST /v1/messages",
        auth_type="apikey",
        service_tier="priority",
        reasoning_effort="high",
        auth_index="x",
        source="bob@example.com",
    )
    names = set(re.findall(r'<select name="(\w+)"', staff.get(EVENTS).content.decode()))
    assert names == {
        "upstream",
        "user",
        "key",
        "model",
        "alias",
        "provider",
        "credential",
        "endpoint",
        "auth_type",
        "service_tier",
        "reasoning_effort",
        "failure_class",
        "outcome",
    }


def test_user_may_choose_among_own_things_only(client):
    upstream = some_events(3, model="others-model")
    bob = make_user("bob")
    for name in ("one", "two"):
        make_client_key(upstream, f"sk-bobs-{name}-0001", owner=bob, name=name)
        store(
            upstream,
            make_event(timestamp=datetime.now(UTC), api_key=f"sk-bobs-{name}-0001", model=name),
        )
    client.force_login(bob)
    page = client.get(EVENTS).content.decode()
    assert set(re.findall(r'<select name="(\w+)"', page)) == {
        "key",
        "model",
        "outcome",
        "failure_class",
    }
    assert "others-model" not in page
    assert client.get(EVENTS, {"credential": "1"}).status_code == 400


@pytest.mark.parametrize("query", ["cursor=x", "limit=1000", "outcome=maybe", "from=yesterday"])
def test_bad_query_is_named_on_the_page(staff, query):
    response = staff.get(f"{EVENTS}?{query}")
    assert response.status_code == 400
    assert f"<strong>{query.split('=')[0]}</strong>: expected" in response.content.decode()


def test_one_event_shows_what_is_known_and_no_secret(staff):
    body = '{"error":{"message":"bad key sk-secret-provider-key-123456"}}'
    upstream = some_events(
        1, request_id="7f3a91c2", failed=True, fail={"status_code": 429, "body": body}, latency_ms=7
    )
    store(upstream, make_event(timestamp=datetime.now(UTC), request_id="7f3a91c2"))
    page = staff.get(f"{EVENTS}{UsageEvent.objects.get(latency_ms=7).id}/").content.decode()
    for text in (
        "rate limited",
        "bad key [masked]",
        "alice@example.com",
        "10.0.0.12",
        "Attempts of this request",
    ):
        assert text in page
    assert "secret-provider" not in page
    assert staff.get(f"{EVENTS}99999999/").status_code == 404


def test_costs_few_queries(staff, django_assert_max_num_queries):
    some_events(60)
    with django_assert_max_num_queries(16):
        staff.get(EVENTS)
    with django_assert_max_num_queries(8):
        staff.get(EVENTS, headers={"HX-Request": "true"})
