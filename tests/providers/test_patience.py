"""An upstream that hangs is waited for by one page, not by each."""

import pytest
from django.core.cache import cache

from providers.web import patience
from tests.factories import make_user
from tests.management_proxy.proxied import request_count
from tests.pages.upstreams import DOWN
from tests.pages.world import signed_in

pytestmark = pytest.mark.django_db
KEYS = "GET /v0/management/claude-api-key "


@pytest.fixture
def staff(monkeypatch):
    """Every failure came late."""
    monkeypatch.setattr(patience, "LONG_SECONDS", 0)
    cache.clear()
    yield signed_in(make_user("ada", staff=True))
    cache.clear()


def shown(client, path, **headers) -> str:
    return client.get(path, headers=headers).content.decode()


def test_reason_is_kept_for_other_pages_and_a_region_asks_all_the_same(staff, upstream, simulator):
    simulator.control("faults", DOWN)
    first = shown(staff, "/providers/keys/")
    assert "cannot be read now" in first
    sent = request_count(simulator, "/v0/management/")
    for path in ("/providers/keys/", "/providers/custom/", "/providers/client-keys/"):
        assert "cannot be read now" in shown(staff, path)
    assert request_count(simulator, "/v0/management/") == sent
    simulator.control("faults", method="DELETE")
    assert "cannot be read now" in shown(staff, "/providers/custom/")
    assert "cannot be read now" not in shown(staff, "/providers/keys/", **{"HX-Request": "true"})
    assert "cannot be read now" not in shown(staff, "/providers/custom/")


def test_quick_failures_are_not_kept(staff, upstream, simulator, monkeypatch):
    monkeypatch.setattr(patience, "LONG_SECONDS", 60)
    simulator.control("faults", DOWN)
    assert "cannot be read now" in shown(staff, "/providers/custom/")
    simulator.control("faults", method="DELETE")
    assert "cannot be read now" not in shown(staff, "/providers/custom/")
