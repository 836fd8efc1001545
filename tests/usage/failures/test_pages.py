"""A failure's page says what its class means; a filter by a group accepts its classes."""

from html import unescape

import pytest

from tests.factories import make_event, make_upstream, make_user, store
from usage.failures.guidance import guidance_of
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db

EXPIRED = {"status_code": 401, "body": '{"error":{"code":"token_expired"}}'}


def test_the_page_of_a_failure_says_what_to_do(client):
    store(make_upstream(), make_event(failed=True, fail=EXPIRED), make_event())
    client.force_login(make_user(staff=True))
    failed = UsageEvent.objects.get(series__failed=True)
    page = unescape(client.get(f"/usage/events/{failed.id}/").content.decode())
    assert guidance_of("expired_token").meaning in page
    assert guidance_of("expired_token").action in page
    succeeded = UsageEvent.objects.get(series__failed=False)
    assert "What to do" not in client.get(f"/usage/events/{succeeded.id}/").content.decode()


@pytest.mark.parametrize(("value", "events"), [("auth", 1), ("expired_token", 1), ("quota", 0)])
def test_a_group_accepts_all_of_its_classes(client, value, events):
    store(make_upstream(), make_event(failed=True, fail=EXPIRED), make_event())
    client.force_login(make_user(staff=True))
    body = client.get("/api/usage/events", {"failure_class": value}).json()
    assert [event["failureClass"] for event in body["events"]] == ["expired_token"] * events
