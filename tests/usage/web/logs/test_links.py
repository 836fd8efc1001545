"""From the page of an event to the log of its request."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests.factories import make_event, make_upstream, make_user, store
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def page_of(request_id: str, *, staff: bool = True) -> str:
    store(make_upstream(name="one"), make_event(timestamp=AT, request_id=request_id))
    client = Client()
    client.force_login(make_user("ada", staff=staff))
    return client.get(f"/usage/events/{UsageEvent.objects.get().id}/").content.decode()


def test_event_leads_to_its_lines_and_its_log() -> None:
    page = page_of("7f3a91c2")
    after = int(AT.timestamp()) - 900
    assert f"/logs/?upstream=one&amp;request_id=7f3a91c2&amp;after={after}" in page
    assert "/logs/log/?upstream=one&amp;request_id=7f3a91c2" in page


@pytest.mark.parametrize("request_id", ["", "an id of another kind"])
def test_event_without_such_an_id_leads_nowhere(request_id: str) -> None:
    assert "/logs/?" not in page_of(request_id)
