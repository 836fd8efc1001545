"""`/api/providers/keys`: what is asked reaches the upstream whole, or is refused with the field's
name and changes nothing."""

import codecs
import json

import pytest
from django.test import Client

from management_proxy.client.lists import read_entries
from management_proxy.simulator.configuration import entries as key_lists
from providers.drift.queries import compare
from providers.keys import queries, resources
from providers.keys.actions import edit
from providers.keys.families import FAMILIES
from providers.keys.queries import listed_keys
from providers.models import Intent, ProviderKey
from tests.factories import make_user
from tests.providers.conftest import foreign

pytestmark = pytest.mark.django_db
URL = "/api/providers/keys"
KEY = "sk-ant-0123456789abcdef"
BASE = {
    "codex": "https://codex.example.com",
    "xai": "https://xai.example.com",
    "openai-compatibility": "https://compat.example.com/v1",
}


@pytest.fixture
def api(upstream, simulator):
    foreign(simulator, **{family.route: [] for family in FAMILIES.values()})
    return Caller(make_user("ada", staff=True))


class Caller:
    """Asks the API as one user."""

    def __init__(self, user):
        self.http = Client()
        self.http.force_login(user)

    def __call__(self, method, path, body=None):
        return self.http.generic(
            method,
            path,
            data=b"" if body is None else json.dumps(body),
            content_type="application/json",
        )

    def listed(self, query=""):
        return self("GET", URL + query).json()["data"]["keys"]


def body_for(family):
    entry = (
        {"name": "relay", "api-key-entries": [{"api-key": KEY}]}
        if family == "openai-compatibility"
        else {"api-key": KEY}
    )
    return {
        "provider": family,
        "entry": {**entry, **({"base-url": BASE[family]} if family in BASE else {})},
        "name": "Team",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_a_key_of_every_family_is_added_edited_disabled_enabled_and_removed(api, client, family):
    response = api("POST", URL, body_for(family))
    assert response.status_code == 201, response.content
    key_id = response.json()["data"]["keyHash"]
    for change in (
        {"entry": {"prefix": "team"}},
        {"disabled": True},
        {"disabled": False},
        {"entry": {"priority": 3}},
    ):
        assert api("PATCH", f"{URL}/{key_id}", change).status_code == 200, change
    (entry,) = read_entries(client, FAMILIES[family].route)
    assert (entry["prefix"], entry["priority"]) == ("team", 3)
    (key,) = api.listed()
    assert (key["provider"], key["disabled"], key["ownerUsername"], key["name"]) == (
        family,
        False,
        "ada",
        "Team",
    )
    assert api("DELETE", f"{URL}/{key_id}").json()["success"] is True
    assert read_entries(client, FAMILIES[family].route) == []
    assert not ProviderKey.objects.exists()


def test_no_secret_is_returned(api, client):
    api(
        "POST",
        URL,
        {
            "provider": "claude",
            "apiKey": KEY,
            "entry": {"headers": {"X-Secret": "very-secret-value"}},
        },
    )
    text = api("GET", URL).content.decode() + api("GET", "/api/providers/changes").content.decode()
    assert KEY not in text
    assert "very-secret-value" not in text
    assert r"\u2026cdef" in text


def test_disabling_leaves_other_exclusions_alone(api, client):
    key_id = api(
        "POST",
        URL,
        {"provider": "claude", "apiKey": KEY, "entry": {"excluded-models": ["claude-3-*"]}},
    ).json()["data"]["keyHash"]
    api("PATCH", f"{URL}/{key_id}", {"disabled": True})
    assert read_entries(client, "claude-api-key")[0]["excluded-models"] == ["claude-3-*", "*"]
    api("PATCH", f"{URL}/{key_id}", {"disabled": False})
    assert read_entries(client, "claude-api-key")[0]["excluded-models"] == ["claude-3-*"]


def test_fields_that_are_not_ours_survive_an_edit_that_needs_the_whole_list(api, client, simulator):
    foreign(
        simulator,
        claude_api_key=[
            {"api-key": KEY, "cloak": {"mode": "always"}, "weight": 7},
            {"api-key": "sk-other-key-000001", "request-retry": 2},
        ],
    )
    (first, _) = api.listed("?provider=claude")
    assert api("PATCH", f"{URL}/{first['keyHash']}", {"entry": {"priority": 5}}).status_code == 200
    entries = read_entries(client, "claude-api-key")
    assert entries[0]["cloak"] == {"mode": "always"}
    assert (entries[0]["weight"], entries[0]["priority"], entries[1]["request-retry"]) == (7, 5, 2)


def test_a_foreign_users_key_is_neither_seen_nor_touched(api, upstream, client):
    key_id = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    other = Caller(make_user("bob"))
    assert other("GET", URL).json()["data"] == {"keys": [], "others": 1}
    for method, body in (("GET", None), ("PATCH", {"disabled": True}), ("DELETE", None)):
        assert other(method, f"{URL}/{key_id}", body).status_code == 404
    assert len(read_entries(client, "claude-api-key")) == 1


def test_staff_see_who_owns_what(api, upstream):
    Caller(make_user("bob"))("POST", URL, {"provider": "claude", "apiKey": KEY})
    assert [key["ownerUsername"] for key in api.listed()] == ["bob"]


def test_only_staff_names_another_owner(api, upstream):
    response = Caller(make_user("bob"))(
        "POST", URL, {"provider": "claude", "apiKey": KEY, "owner": "ada"}
    )
    assert (response.status_code, response.json()["error"]["details"]["fields"]) == (
        403,
        {"owner": "only staff may name another owner"},
    )


def test_the_limit_of_a_user_holds(api, upstream, settings):
    settings.MAX_PROVIDER_KEYS_PER_USER = 1
    bob = Caller(make_user("bob"))
    assert bob("POST", URL, {"provider": "claude", "apiKey": KEY}).status_code == 201
    response = bob("POST", URL, {"provider": "gemini", "apiKey": KEY})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "LIMIT_REACHED")


def test_the_same_key_twice_is_a_conflict(api, client):
    assert api("POST", URL, {"provider": "claude", "apiKey": KEY}).status_code == 201
    response = api("POST", URL, {"provider": "claude", "apiKey": f" {KEY} "})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "KEY_ALREADY_EXISTS")
    assert len(read_entries(client, "claude-api-key")) == 1


def test_a_key_that_another_client_put_upstream_already_is_a_conflict_and_keeps_no_owner(
    api, simulator
):
    foreign(simulator, claude_api_key=[{"api-key": KEY}])
    assert api("POST", URL, {"provider": "claude", "apiKey": KEY}).status_code == 409
    assert not ProviderKey.objects.exists()


def test_a_list_that_changed_under_the_editor_is_refused(api, upstream, client, simulator):
    api("POST", URL, {"provider": "claude", "apiKey": KEY})
    (opened,) = listed_keys(upstream, client, [FAMILIES["claude"]])
    foreign(simulator, claude_api_key=[{"api-key": KEY, "prefix": "foreign"}])
    intent = edit(upstream, opened, {"prefix": "mine"}, make_user("eve", staff=True))
    assert (intent.state, intent.error_field, intent.error_code) == ("failed", "prefix", "CONFLICT")
    assert read_entries(client, "claude-api-key")[0]["prefix"] == "foreign"


BAD = [
    ({"provider": "claude", "apiKey": ""}, "api-key", 400),
    ({"provider": "claude", "apiKey": "   "}, "api-key", 400),
    ({"provider": "claude", "apiKey": "sk-\x00-control-character"}, "api-key", 400),
    ({"provider": "claude", "apiKey": "sk-with a-blank-inside"}, "api-key", 400),
    ({"provider": "claude", "apiKey": "k" * 5000}, "api-key", 400),
    ({"provider": "claude", "apiKey": ["sk"]}, "api-key", 400),
    ({"provider": "codex", "apiKey": KEY}, "base-url", 400),
    (
        {"provider": "codex", "apiKey": KEY, "baseUrl": "https://user:pw@codex.example.com"},
        "base-url",
        400,
    ),
    (
        {"provider": "codex", "apiKey": KEY, "baseUrl": "http://169.254.169.254/latest"},
        "base-url",
        400,
    ),
    ({"provider": "codex", "apiKey": KEY, "baseUrl": "http://10.1.2.3/"}, "base-url", 400),
    ({"provider": "codex", "apiKey": KEY, "baseUrl": "file:///etc/passwd"}, "base-url", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"prefix": "a/b"}}, "prefix", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"weight": 1_000_001}}, "weight", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"weight": "3"}}, "weight", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"headers": {"X Y": "z"}}}, "headers", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"headers": {"X-Y": ""}}}, "headers", 400),
    (
        {"provider": "claude", "apiKey": KEY, "entry": {"headers": {"X-Y": "a\r\nEvil: 1"}}},
        "headers",
        400,
    ),
    (
        {"provider": "vertex", "apiKey": KEY, "entry": {"models": [{"name": "gemini"}]}},
        "models",
        400,
    ),
    ({"provider": "claude", "apiKey": KEY, "entry": {"models": [{"alias": "x"}]}}, "models", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": {"models": "all"}}, "models", 400),
    ({"provider": "gemini", "apiKey": KEY, "entry": {"cloak": {}}}, "cloak", 400),
    (
        {"provider": "claude", "apiKey": KEY, "entry": {"excluded-models": [""]}},
        "excluded-models",
        400,
    ),
    ({"provider": "claude", "apiKey": KEY, "entry": {"proxy-url": "ftp://x"}}, "proxy-url", 400),
    ({"provider": "claude", "apiKey": KEY, "entry": []}, "entry", 400),
    ({"provider": "claude", "apiKey": KEY, "colour": "red"}, "colour", 400),
    (
        {"provider": "openai-compatibility", "entry": {"base-url": "https://c.example.com"}},
        "name",
        400,
    ),
    ({"provider": "nobody", "apiKey": KEY}, "provider", 400),
]


@pytest.mark.parametrize(
    ("body", "field", "status"),
    BAD,
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else None,
)
def test_bad_input_is_refused_with_the_fields_name_and_changes_nothing(api, body, field, status):
    response = api("POST", URL, body)
    assert (response.status_code, list(response.json()["error"]["details"]["fields"])) == (
        status,
        [field],
    )
    assert not ProviderKey.objects.exists()
    assert not Intent.objects.exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(api, content):
    assert (
        api.http.generic("POST", URL, data=content, content_type="application/json").status_code
        == 400
    )


def test_a_body_of_a_windows_editor_is_read_without_its_mark(api):
    sent = codecs.BOM_UTF8 + b'{"provider": "claude", "apiKey": "%s"}' % KEY.encode()
    assert api.http.generic("POST", URL, sent, "application/json").status_code == 201
    utf_16 = api.http.generic("POST", URL, "{}".encode("utf-16"), "application/json")
    assert (utf_16.status_code, "save it as UTF-8" in utf_16.json()["error"]["message"]) == (
        400,
        True,
    )


def test_strangers_have_to_sign_in():
    assert Client().get(URL).status_code == 401


def test_an_upstream_that_is_down_is_reported(api, upstream):
    upstream.management_url = "http://127.0.0.1:9/v0/management"
    upstream.save()
    assert (api("GET", URL).status_code, api("GET", URL).json()["error"]["code"]) == (
        503,
        "UPSTREAM_ERROR",
    )


def test_a_key_is_tried_through_the_upstream(api, simulator):
    simulator.control("api-call", {"url": "https://api.anthropic.com", "status": 401, "body": "{}"})
    key_id = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    assert api("POST", f"{URL}/{key_id}/test").json()["data"] == {
        "ok": False,
        "status": 401,
        "message": "the provider rejects the key",
    }


def test_a_duplicate_of_another_users_key_leaves_that_row_and_key(api, client, upstream):
    api("POST", URL, {"provider": "claude", "apiKey": KEY})
    assert (
        Caller(make_user("bob"))("POST", URL, {"provider": "claude", "apiKey": KEY}).status_code
        == 409
    )
    assert ProviderKey.objects.get().owner.username == "ada"
    assert len(read_entries(client, "claude-api-key")) == 1


def test_a_key_whose_row_is_gone_is_removed_all_the_same(api, client):
    key_id = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    ProviderKey.objects.all().delete()
    assert api("DELETE", f"{URL}/{key_id}").status_code == 200
    assert read_entries(client, "claude-api-key") == []


def test_a_response_without_the_list_is_an_error_of_the_upstream(api, simulator):
    simulator.control(
        "faults",
        {"kind": "garbage", "path": "*claude-api-key", "body": '{"claude-api-key": 7}', "count": 2},
    )
    assert api("GET", URL).status_code == 502
    assert api("POST", URL, {"provider": "claude", "apiKey": KEY}).status_code == 502
    assert not ProviderKey.objects.exists()


def test_a_deleted_user_leaves_a_key_that_staff_still_see(api, client, upstream):
    bob = make_user("bob")
    Caller(bob)("POST", URL, {"provider": "claude", "apiKey": KEY})
    bob.delete()
    (key,) = api.listed()
    assert (key["ownerUsername"], ProviderKey.objects.get().owner) == (None, None)


def test_what_an_old_upstream_discards_is_reported_and_is_no_drift(
    api, client, upstream, simulator, monkeypatch
):
    real = key_lists.read_entry
    monkeypatch.setattr(
        "management_proxy.simulator.configuration.entries.read_entry",
        lambda *given: {k: v for k, v in real(*given).items() if k != "weight"},
    )
    response = api(
        "POST", URL, {"provider": "claude", "apiKey": KEY, "entry": {"weight": 5, "prefix": "team"}}
    )
    assert (response.status_code, response.json()["data"]["change"]["error"]) == (
        201,
        "the upstream does not keep weight",
    )
    assert ProviderKey.objects.get().entry == {"api-key": KEY, "prefix": "team"}
    assert [d for d in compare(upstream, client) if d.kind == "different"] == []


def test_of_an_edit_the_discarded_field_alone_is_reported(api, upstream, monkeypatch):
    key = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    read = resources.list_client.read_entries
    monkeypatch.setattr(
        resources.list_client,
        "read_entries",
        lambda *given: [
            {name: value for name, value in entry.items() if name != "weight"}
            for entry in read(*given)
        ],
    )
    response = api("PATCH", f"{URL}/{key}", {"entry": {"prefix": "team", "weight": 5}})
    assert response.json()["data"]["change"]["error"] == "the upstream does not keep weight"
    assert ProviderKey.objects.get().entry == {"api-key": KEY, "prefix": "team"}


def test_a_change_of_a_key_reads_the_list_of_its_family_alone(api, monkeypatch):
    key = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    routes, read = set(), queries.read_entries
    monkeypatch.setattr(
        queries, "read_entries", lambda client, route: routes.add(route) or read(client, route)
    )
    address = f"{URL}/claude/{key}"
    assert api("PATCH", address, {"entry": {"prefix": "team"}}).status_code == 200
    assert api("GET", address).json()["data"]["entry"]["prefix"] == "team"
    assert routes == {"claude-api-key"}
    assert api("GET", f"{URL}/gemini/{key}").status_code == 404
    assert api("GET", f"{URL}/nosuch/{key}").status_code == 404
    assert api("DELETE", address).status_code == 200
    assert api.listed() == []


def test_former_addresses_of_keys_lead_to_the_same_key(api, upstream):
    key = api("POST", URL, {"provider": "claude", "apiKey": KEY}).json()["data"]["keyHash"]
    page = api("GET", f"/providers/keys/{key}/?upstream={upstream.name}")
    assert (page.status_code, page.headers["Location"]) == (
        302,
        f"/providers/keys/claude/{key}/?upstream={upstream.name}",
    )
    assert api("GET", f"/providers/keys/claude/{key}/").status_code == 200
    assert api("GET", f"/providers/keys/openai-compatibility/{key}/").status_code == 404
    assert api("GET", f"/providers/keys/{'0' * 64}/").status_code == 404
    assert api("GET", f"{URL}/{key}").json()["data"]["keyHash"] == key
    assert api("PATCH", f"{URL}/{key}", {"disabled": True}).status_code == 200
    assert api("DELETE", f"{URL}/{key}").status_code == 200
