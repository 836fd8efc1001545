"""The JSON API of accounts, logins, custom providers and the configuration."""

import json

import httpx
import pytest
from django.test import Client

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client import configuration as config_client
from management_proxy.client import lists as list_client
from management_proxy.tokens.actions import create_token
from providers.accounts.logins import polling
from providers.models import Account, AccountLogin, Intent
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FILE = "claude-carol@example.com.json"
ACCOUNT = f"/api/providers/oauth/{FILE}"


class Api:
    """Calls as one user, by session or token; answers are (status, body)."""

    def __init__(self, user, token=""):
        self.browser, self.headers = Client(), {"Authorization": f"Bearer {token}"} if token else {}
        if not token:
            self.browser.force_login(user)

    def __call__(self, method, path, body=None):
        response = self.browser.generic(
            method,
            path,
            json.dumps(body) if body is not None else "",
            "application/json",
            headers=self.headers,
        )
        return response.status_code, json.loads(response.content)


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def bob():
    return make_user("bob")


def own(upstream, user):
    Account.objects.create(
        upstream=upstream, name=FILE, provider="claude", owner=user, origin="login"
    )


@pytest.mark.parametrize(
    "path",
    [
        "providers/oauth",
        f"providers/oauth/{FILE}",
        "providers/oauth/logins",
        "custom-providers",
        "provider-groups",
        "providers/configuration",
        "providers/configuration/settings",
    ],
)
def test_strangers_have_to_sign_in(upstream, path):
    response = Client().get(f"/api/{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "AUTH_UNAUTHORIZED")


def test_accounts_are_listed_for_whom_they_concern(upstream, ada, bob):
    own(upstream, bob)
    _, everything = Api(ada)("GET", "/api/providers/oauth")
    _, mine = Api(bob)("GET", "/api/providers/oauth")
    assert len(everything["data"]["accounts"]) == 11
    (account,) = mine["data"]["accounts"]
    assert (
        account["accountName"],
        account["isOwn"],
        account["ownerUsername"],
        account["health"],
    ) == (FILE, True, "bob", "active")
    assert Api(bob)("GET", "/api/providers/oauth?health=nonsense")[0] == 400


def test_account_is_read_changed_and_deleted(upstream, client, bob):
    own(upstream, bob)
    api = Api(bob)
    assert api("PATCH", ACCOUNT, {"disabled": True})[1]["data"]["disabled"] is True
    status, body = api("PATCH", ACCOUNT, {"note": "spare", "priority": 3})
    assert (status, body["data"]["change"]["state"]) == (200, "verified")
    _, body = api("GET", ACCOUNT)
    assert (body["data"]["note"], body["data"]["priority"], body["data"]["disabled"]) == (
        "spare",
        3,
        True,
    )
    assert "token" not in json.dumps(body)
    assert api("DELETE", ACCOUNT)[0] == 200
    assert api("GET", ACCOUNT)[0] == 404


def test_accounts_come_in_pages_that_join_to_the_whole(upstream, ada):
    api = Api(ada)
    every = api("GET", "/api/providers/oauth?sort=-account")[1]["data"]
    names = [account["accountName"] for account in every["accounts"]]
    assert every["total"] == len(names)
    paged = []
    for number in range(1, len(names) // 3 + 2):
        part = api("GET", f"/api/providers/oauth?sort=-account&page={number}&pageSize=3")[1]["data"]
        assert part["total"] == len(names)
        paged += [account["accountName"] for account in part["accounts"]]
    assert paged == names


@pytest.mark.parametrize("query", ["sort=nothing", "page=0", "page=x", "pageSize=1001"])
def test_impossible_page_of_accounts_names_its_parameter(upstream, ada, query):
    status, body = Api(ada)("GET", f"/api/providers/oauth?{query}")
    assert (status, list(body["error"]["details"]["fields"])) == (400, [query.split("=")[0]])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"disabled": "yes"}, "disabled"),
        ({"disabled": True, "note": "x"}, "disabled"),
        ({"note": 3}, "note"),
        ({"weight": 1.5}, "weight"),
        ({"size": 1}, "size"),
        ({"proxyUrl": "http://x"}, "proxy_url"),
    ],
)
def test_bad_change_of_an_account_names_its_field(upstream, bob, body, field):
    own(upstream, bob)
    status, response = Api(bob)("PATCH", ACCOUNT, body)
    assert status in (400, 403)
    assert list(response["error"]["details"]["fields"]) == [field]


def test_account_of_another_user_does_not_exist(upstream, bob):
    for method in ("GET", "DELETE"):
        assert Api(bob)(method, ACCOUNT)[0] == 404
    assert Api(bob)("PATCH", ACCOUNT, {"disabled": True})[0] == 404
    assert Api(bob)("POST", "/api/providers/oauth/claim", {"accountName": FILE})[0] == 403
    assert not Account.objects.exists()


def test_import_and_claim(upstream, client, ada, bob):
    content = json.dumps({"type": "codex", "email": "new@example.com", "refresh_token": "r"})
    sent = {"fileName": "codex-new.json", "fileContent": content, "provider": "codex"}
    assert Api(bob)("POST", "/api/providers/oauth/import", sent)[0] == 201
    status, response = Api(bob)("POST", "/api/providers/oauth/import", sent)
    assert (status, response["error"]["code"]) == (409, "ALREADY_EXISTS")
    status, response = Api(bob)(
        "POST", "/api/providers/oauth/import", {**sent, "fileName": "other.json"}
    )
    assert (status, response["error"]["code"]) == (409, "DUPLICATE_ACCOUNT")
    for wrong in (
        {"fileName": "../x.json"},
        {"fileContent": "nope"},
        {"fileContent": 3},
        {"provider": "kimi"},
        {"provider": "x"},
        {"fileName": ""},
    ):
        assert Api(bob)("POST", "/api/providers/oauth/import", {**sent, **wrong})[0] == 400
    status, response = Api(ada)(
        "POST", "/api/providers/oauth/claim", {"accountName": FILE, "owner": "bob"}
    )
    assert (status, response["data"]["provider"]) == (201, "claude")
    assert set(Account.objects.filter(owner=bob).values_list("name", flat=True)) == {
        "codex-new.json",
        FILE,
    }


def test_login_by_session(upstream, simulator, monkeypatch, bob):
    monkeypatch.setattr(polling, "POLL_SECONDS", 0)
    httpx.post(f"{simulator.url}/__control/settings", json={"oauth_seconds": 0}).raise_for_status()
    api = Api(bob)
    status, begun = api("POST", "/api/providers/oauth/logins", {"flow": "codex"})
    path = f"/api/providers/oauth/logins/{begun['data']['id']}"
    assert (status, begun["data"]["status"]) == (201, "waiting")
    assert (
        api(
            "POST", f"{path}/callback", {"callbackUrl": "http://localhost:1455/?code=a&state=other"}
        )[0]
        == 400
    )
    state = AccountLogin.objects.get().state
    assert (
        api(
            "POST",
            f"{path}/callback",
            {"callbackUrl": f"http://localhost:1455/auth/callback?code=good&state={state}"},
        )[0]
        == 202
    )
    responses = [api("GET", path)[1]["data"]["status"] for _ in range(3)]
    assert responses[-1] == "connected"
    assert Api(bob)("GET", path)[0] == 404


def test_login_by_token_belongs_to_the_token(upstream, bob):
    tokens = [create_token(bob, name, "write")[1] for name in ("one", "two")]
    first, second = (Api(bob, token) for token in tokens)
    logins = "/api/providers/oauth/logins"
    begun = first("POST", logins, {"flow": "xai"})[1]["data"]
    path = f"{logins}/{begun['id']}"
    assert first("GET", path)[1]["data"]["userCode"]
    assert second("GET", path)[0] == 404
    assert first("DELETE", path)[1]["data"]["status"] == "cancelled"
    assert first("POST", logins, {"flow": "gmail"})[0] == 400


def test_custom_provider_and_group(upstream, client, ada, monkeypatch):
    from monitoring import addresses

    monkeypatch.setattr(
        addresses, "_is_public", lambda address: str(address).startswith("203.0.113.")
    )
    api = Api(ada)
    sent = {
        "name": "mine",
        "baseUrl": "https://203.0.113.7/v1",
        "apiKey": "sk-mine-0123456789abcdef",
        "models": [{"upstreamName": "glm-4.7", "alias": "glm"}],
        "isShared": True,
    }
    status, made = api("POST", "/api/custom-providers", sent)
    assert status == 201
    assert "0123456789ab" not in json.dumps(made)
    path = f"/api/custom-providers/{made['data']['id']}"
    _, body = api("GET", path)
    assert (body["data"]["models"][0]["name"], body["data"]["isShared"]) == ("glm-4.7", True)
    assert "0123456789ab" not in json.dumps(body)
    status, group = api("POST", "/api/provider-groups", {"name": "relays", "color": "blue"})
    assert api("PATCH", path, {"groupId": group["data"]["id"], "prefix": "m"})[0] == 200
    assert (
        api("PATCH", f"/api/provider-groups/{group['data']['id']}", {"isActive": False})[0] == 200
    )
    entry = next(
        entry
        for entry in list_client.read_entries(client, "openai-compatibility")
        if entry["name"] == "mine"
    )
    assert (entry["disabled"], entry["prefix"]) == (True, "m")
    _, listed = api("GET", "/api/provider-groups")
    assert (listed["data"]["groups"][0]["isActive"], len(listed["data"]["ungrouped"])) == (False, 2)
    assert (
        api("PUT", "/api/custom-providers/reorder", {"providerIds": [made["data"]["id"]]})[0] == 200
    )
    assert list_client.read_entries(client, "openai-compatibility")[0]["name"] == "mine"
    assert api("PATCH", path, {"baseUrl": "https://203.0.113.8/v1"})[0] == 400
    assert api("DELETE", path)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "custom-providers", {"name": "x", "baseUrl": "http://127.0.0.1/"}),
        ("POST", "custom-providers", {"name": 3}),
        ("POST", "custom-providers", {"entry": []}),
        ("POST", "custom-providers", {"name": "x", "baseUrl": "https://a", "models": [3]}),
        ("PUT", "custom-providers/reorder", {"providerIds": [1]}),
        ("POST", "custom-providers/fetch-models", {"baseUrl": "http://127.0.0.1:1/"}),
        ("POST", "custom-providers/fetch-models", {"headers": 3}),
        ("POST", "provider-groups", {"name": "", "color": "red"}),
        ("POST", "provider-groups", {"name": "x", "color": "#fff"}),
        ("PATCH", "custom-providers/abc", {}),
        ("PATCH", "provider-groups/999", {"name": "x"}),
        ("POST", "providers/oauth/logins", []),
        ("PUT", "providers/configuration", {"text": 3}),
        ("PUT", "providers/configuration", {"text": "x", "opened": 99}),
        ("PATCH", "providers/configuration/settings", {"values": {"nope": 1}}),
        ("PATCH", "providers/configuration/settings", {"values": {"debug": "yes"}}),
        ("POST", "providers/configuration/versions/99/roll-back", {"opened": "x"}),
    ],
)
def test_bad_input_is_a_clear_refusal(upstream, client, ada, method, path, body):
    before = config_client.read_configuration(client)
    status, response = Api(ada)(method, f"/api/{path}", body)
    assert status in (400, 404)
    assert response["error"]["message"]
    assert config_client.read_configuration(client) == before


def test_configuration_is_saved_compared_and_rolled_back(upstream, client, ada):
    api = Api(ada)
    _, opened = api("GET", "/api/providers/configuration")
    text = opened["data"]["text"]
    sent = {
        "text": text.replace("debug: false", "debug: true"),
        "opened": opened["data"]["version"],
        "reason": "look",
    }
    assert api("PUT", "/api/providers/configuration", sent)[0] == 200
    status, response = api(
        "PUT", "/api/providers/configuration", {**sent, "text": text + "# late\n"}
    )
    assert (status, response["error"]["code"]) == (409, "CONFLICT")
    path = f"/api/providers/configuration/versions/{opened['data']['version']}"
    _, compared = api("GET", path)
    assert {"kind": "added", "text": "debug: false"} in compared["data"]["difference"]
    assert api("POST", f"{path}/roll-back", {"opened": compared["data"]["opened"]})[0] == 200
    assert config_client.read_switch(client, "debug") is False
    assert len(api("GET", "/api/providers/configuration/versions")[1]["data"]["versions"]) == 3


def test_settings_are_set_each_by_its_own_way(upstream, client, ada):
    api = Api(ada)
    _, before = api("GET", "/api/providers/configuration/settings")
    status, body = api(
        "PATCH",
        "/api/providers/configuration/settings",
        {
            "values": {"debug": True, "redis-usage-queue-retention-seconds": 700},
            "opened": before["data"]["settings"],
        },
    )
    assert (status, len(body["data"]["changes"])) == (200, 2)
    _, after = api("GET", "/api/providers/configuration/settings")
    assert (
        after["data"]["settings"]["debug"],
        after["data"]["settings"]["redis-usage-queue-retention-seconds"],
    ) == (True, 700)


def test_configuration_is_for_staff(upstream, bob):
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("GET", "/settings"),
        ("PATCH", "/settings"),
        ("GET", "/versions"),
        ("GET", "/versions/1"),
        ("POST", "/versions/1/roll-back"),
    ):
        assert Api(bob)(method, f"/api/providers/configuration{path}", {})[0] == 403


def test_unreachable_upstream_is_502(upstream, simulator, ada):
    httpx.post(
        f"{simulator.url}/__control/faults",
        json={"kind": "status", "status": 500, "path": "*auth-files"},
    ).raise_for_status()
    assert Api(ada)("GET", "/api/providers/oauth")[0] == 502


def test_download_of_tokens_is_no_part_of_the_api(upstream, client, ada):
    token = auth_file_client.auth_file_content(client, FILE)["access_token"]
    assert token not in json.dumps(
        [Api(ada)("GET", path)[1] for path in ("/api/providers/oauth", ACCOUNT)]
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, (422, "UPSTREAM_REFUSED")),
        (422, (422, "UPSTREAM_REFUSED")),
        (404, (404, "RESOURCE_NOT_FOUND")),
        (429, (502, "UPSTREAM_ERROR")),
    ],
)
def test_a_refusal_of_the_upstream_is_the_callers_to_correct(
    upstream, simulator, ada, status, expected
):
    simulator.control(
        "faults",
        {"kind": "status", "path": "*/request-retry", "method": "PUT", "status": status},
    )
    sent = {"values": {"request-retry": 9}}
    response_status, body = Api(ada)("PATCH", "/api/providers/configuration/settings", sent)
    assert (response_status, body["error"]["code"]) == expected
    assert Intent.objects.get().state == "failed"
