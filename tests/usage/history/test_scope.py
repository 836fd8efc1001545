"""Who sees whose usage: every usage endpoint with every role, walked from the URL conf so that none
can be forgotten."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.api import urls as api_urls
from usage.models import UsageEvent
from usage.web import urls

pytestmark = pytest.mark.django_db

# What belongs to another's usage, whatever field it stands in.
OTHERS = (
    "others-laptop",
    "othersname",
    "others-model",
    "others-account@example.com",
    "others-address",
    "sk-others",
    "…0002",
)
# Only triggers, or reports the state of collection: no usage.
WITHOUT_USAGE = {"usage-api:collect", "usage-api:collection-status"}
# Only lead to a page, or change a saved view: tests/usage/web/saved.
SAVED_VIEWS = {
    "usage:save-view",
    "usage:view",
    "usage:rename-view",
    "usage:share-view",
    "usage:delete-view",
    "usage:start-with-view",
    "usage:start-with-overview",
}
# For staff alone: tests/usage/api/money, tests/usage/failure_report.
OF_STAFF = {
    "usage-api:currency-rates",
    "usage-api:own-prices",
    "usage-api:own-price",
    "usage-api:statements",
    "usage-api:statement",
    "usage:unknown-bodies",
}
# Beside `from` and `to`.
QUERIES = {
    "usage-api:what-if": {"as_model": "openai/gpt-5.4"},
    "usage-api:breakdown": {"group_by": ["key", "model"]},
    "usage-api:matrix": {"group_by": "key,model"},
    "usage-api:series": {"group_by": "key,user"},
}
ROUTES = [
    (f"{conf.app_name}:{pattern.name}", pattern)
    for conf in (api_urls, urls)
    for pattern in conf.urlpatterns
]


@pytest.fixture
def everybody():
    """A user whose key was used, one without keys, a member of staff; and another user whose usage
    is not theirs to see."""
    upstream, mine, other = make_upstream(), make_user("minename"), make_user("othersname")
    make_client_key(upstream, "sk-mine-0001", owner=mine, name="my-laptop")
    make_client_key(upstream, "sk-others-0002", owner=other, name="others-laptop")
    now = datetime.now(UTC)
    store(
        upstream,
        make_event(
            timestamp=now,
            api_key="sk-mine-0001",
            model="my-model",
            source="others-account@example.com",
        ),
    )
    store(
        upstream,
        make_event(
            timestamp=now,
            api_key="sk-others-0002",
            model="others-model",
            source="others-account@example.com",
            client_ip="others-address",
        ),
    )
    return {"owner": mine, "stranger": make_user("nokeys"), "staff": make_user("ada", staff=True)}


def texts(client, name, pattern):
    """What a route returns: of each event, where it returns one."""
    day = str(datetime.now(UTC).date())
    query = {"from": day, "to": day, "range": "custom", **QUERIES.get(name, {})}
    converters = pattern.pattern.converters
    events = (
        UsageEvent.objects.order_by("id").values_list("id", flat=True)
        if "event_id" in converters
        else [None]
    )
    assert not converters.keys() - {"event_id"}, (
        f"{name} takes arguments that this test cannot give"
    )
    for event in events:
        response = client.get(reverse(name, args=[] if event is None else [event]), query)
        yield response.status_code, b"".join(response).decode()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [route for route in ROUTES if route[0] not in WITHOUT_USAGE | SAVED_VIEWS | OF_STAFF],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everybody_sees_what_they_may_and_no_more(client, everybody, name, pattern):
    for status, text in texts(client, name, pattern):
        assert status in (302, 401)
        assert not any(word in text for word in OTHERS)
    shown = {}
    for role, user in everybody.items():
        client.force_login(user)
        responses = list(texts(client, name, pattern))
        assert {status for status, _ in responses} <= {200, 404}, role
        shown[role] = " ".join(text for status, text in responses if status == 200)
    for role in ("owner", "stranger"):
        assert [word for word in OTHERS if word in shown[role]] == [], role
    assert "my-model" not in shown["stranger"]
    # Otherwise this route would show nothing, and the test with it.
    assert shown["owner"] != shown["stranger"] != shown["staff"]
    assert shown["staff"] != shown["owner"]


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("stranger", 403), ("owner", 403)])
def test_only_staff_collect(client, everybody, role, status):
    if role:
        client.force_login(everybody[role])
    assert client.post("/api/usage/collect").status_code == status
