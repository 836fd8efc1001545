"""Changes and pages against an upstream newer than any that is known: nothing breaks, and what it
shows beyond what we know is shown."""

import json

import pytest
from django.test import Client

from management_proxy.simulator import running_simulator
from providers.models import Intent
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FILE = "claude-carol@example.com.json"


@pytest.fixture
def simulator():
    with running_simulator(clients=2, profile="next") as simulator:
        yield simulator


@pytest.fixture
def browser():
    browser = Client()
    browser.force_login(make_user("ada", staff=True))
    return browser


def test_observed_quotas_of_an_account_are_shown(upstream, browser):
    listed = browser.get("/api/providers/oauth").json()["data"]["accounts"]
    signals = listed[0]["other"]["quota"]["signals"]
    assert signals["Anthropic-Ratelimit-Unified-5h-Utilization"] == 0.08
    assert set(listed[0]["other"]) == {"auth_type", "model_quotas", "quota"}
    page = browser.get(f"/providers/accounts/account/?name={FILE}").content.decode()
    assert "Anthropic-Ratelimit-Unified-5h-Reset: 1790100000" in page


@pytest.mark.parametrize(
    "path",
    ["keys", "client-keys", "accounts", "custom", "configuration", "configuration/file", "drift"],
)
def test_pages_are_served(upstream, browser, path):
    assert browser.get(f"/providers/{path}/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "providers/keys", {"provider": "claude", "apiKey": "sk-ant-next-0000001"}),
        ("POST", "client-keys", {"name": "Team A"}),
        ("PATCH", f"providers/oauth/{FILE}", {"note": "of the next version"}),
        ("PATCH", "providers/configuration/settings", {"values": {"debug": True}}),
        ("PUT", "management/request-retry", {"value": 5}),
    ],
)
def test_changes_are_verified(upstream, browser, method, path, sent):
    response = browser.generic(method, f"/api/{path}", json.dumps(sent), "application/json")
    assert response.status_code in (200, 201), response.content
    assert Intent.objects.get().state == "verified"
