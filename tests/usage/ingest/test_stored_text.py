"""What is kept of an event's free texts holds no secret, whatever it looks like."""

import msgspec
import pytest

from tests.factories import make_event
from tests.secret_looks import NO_SECRETS, SECRETS_IN_TEXT
from usage.ingest.queue_entry import QueueEntry
from usage.ingest.stored_text import details_of, fail_body_of


def failed_event(text: str) -> QueueEntry:
    event = make_event(
        failed=True,
        fail={"status_code": 500, "body": text},
        user_agent=text,
        response_headers={"X-Request-Id": [text]},
    )
    return msgspec.convert(event, QueueEntry)


@pytest.mark.parametrize(("secret", "text"), SECRETS_IN_TEXT)
def test_no_secret_is_kept(secret, text):
    event = failed_event(text)
    details = details_of(event)
    assert set(details["headers"]) == {"X-Request-Id"}
    for kept in (fail_body_of(event), details["user_agent"], details["headers"]["X-Request-Id"]):
        assert secret not in kept


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_is_kept(text):
    event = failed_event(text)
    assert fail_body_of(event) == details_of(event)["user_agent"] == text
