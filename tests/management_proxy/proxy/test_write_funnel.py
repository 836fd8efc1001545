"""Writes that are handed to the funnel instead of being sent."""

import pytest

from management_proxy.proxy import write_funnel
from management_proxy.proxy.write_funnel import FunnelRefusal, ProxiedResponse
from monitoring.models import AuditEntry
from tests.factories import make_upstream
from tests.management_proxy.proxied import URL, forget_everything, signed_in
from tests.management_proxy.scripted import scripted_upstream

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream(monkeypatch):
    monkeypatch.setattr(write_funnel, "_handlers", [])
    with scripted_upstream(lambda call: call.respond(b'{"status":"sent"}')) as upstream:
        make_upstream(name="one", management_url=upstream.management_url)
        yield upstream
    forget_everything()


def test_write_goes_to_the_handler_with_everything_it_needs(upstream):
    received = []
    write_funnel.register(
        lambda write: received.append(write) or ProxiedResponse(200, b'{"status":"ok"}')
    )
    staff = signed_in()
    response = staff.put(
        URL + "api-keys",
        b'["sk-a"]',
        content_type="application/json",
        headers={"X-Tollgate-Reason": "new team"},
    )
    assert (response.content, upstream.requests) == (b'{"status":"ok"}', [])
    (write,) = received
    assert (write.upstream.name, write.actor.get_username()[:4]) == ("one", "user")
    assert (write.method, write.path, write.query) == ("PUT", "api-keys", ())
    assert (write.body, write.reason) == (b'["sk-a"]', "new team")
    assert AuditEntry.objects.get().outcome == "succeeded"


def test_refusal_of_the_handler_is_told_in_the_envelope(upstream):
    write_funnel.register(
        lambda *_: FunnelRefusal(
            409, "CONFLICT", "Another change came first.", retry_after=3, outcome_is_unknown=True
        )
    )
    response = signed_in().delete(URL + "api-keys?value=sk-a")
    assert (response.status_code, response.json()["error"]["code"], response["Retry-After"]) == (
        409,
        "CONFLICT",
        "4",
    )
    assert AuditEntry.objects.get().outcome == "unknown"


def test_write_that_the_handler_leaves_to_us_is_sent(upstream):
    write_funnel.register(lambda *_: None)
    assert signed_in().put(
        URL + "debug", {"value": True}, content_type="application/json"
    ).json() == {"status": "sent"}


def test_reads_and_other_writes_never_go_there(upstream):
    write_funnel.register(lambda *_: FunnelRefusal(500, "NEVER", ""))
    staff = signed_in()
    assert staff.get(URL + "debug").status_code == 200
    assert (
        staff.post(
            URL + "reset-quota", {"auth_index": "x"}, content_type="application/json"
        ).status_code
        == 200
    )
