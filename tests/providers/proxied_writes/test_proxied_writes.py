"""Writes through the management proxy go through the funnel: same effect, read back, recorded, and
nothing lost or masked."""

import json

import pytest
from django.test import Client

from management_proxy.client.limits import SMALL as LIMITS
from management_proxy.client.lists import read_entries
from management_proxy.proxy.write_funnel import FunnelRefusal, ProxiedWrite
from management_proxy.tokens.actions import create_token
from providers.models import ClientKey, Intent
from providers.proxied_writes.actions import handle
from tests.factories import make_user
from tests.providers.conftest import foreign, keys_of

pytestmark = pytest.mark.django_db
KEY = "sk-made-by-a-script-0001"


@pytest.fixture
def write(upstream, simulator):
    foreign(
        simulator,
        api_keys=["sk-first-one-of-all", "sk-second-one-of-all"],
        claude_api_key=[{"api-key": "sk-ant-one-0000001", "cloak": {"mode": "x"}}],
    )
    actor = make_user("ada", staff=True)

    def write(method, path, sent=None, **query):
        body = b"" if sent is None else json.dumps(sent).encode()
        return handle(ProxiedWrite(upstream, actor, method, path, tuple(query.items()), body, ""))

    return write


def test_a_proxied_write_is_carried_out_by_the_funnel(upstream, write, client):
    _, token = create_token(make_user("eve", staff=True), "script", "write")

    headers = {"Authorization": f"Bearer {token}"}
    response = Client().patch(
        "/api/management/api-keys",
        {"old": "absent", "new": KEY},
        content_type="application/json",
        headers=headers,
    )
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert (
        int(response.headers["X-Tollgate-Change"])
        == Intent.objects.get(state="verified", actor_name="eve").pk
    )
    assert keys_of(client)[-1] == KEY


def test_client_keys_are_appended_replaced_and_removed_as_upstream(write, client):
    write("PATCH", "api-keys", {"old": "absent", "new": KEY})
    assert keys_of(client) == ["sk-first-one-of-all", "sk-second-one-of-all", KEY]
    write("PATCH", "api-keys", {"old": "sk-first-one-of-all", "new": "sk-replaces-the-first"})
    write("PATCH", "api-keys", {"index": 1, "value": "sk-replaces-the-second"})
    assert keys_of(client) == ["sk-replaces-the-first", "sk-replaces-the-second", KEY]
    write("DELETE", "api-keys", value="sk-replaces-the-first")
    write("DELETE", "api-keys", index="1")
    assert keys_of(client) == ["sk-replaces-the-second"]
    assert ClientKey.objects.filter(state="revoked").count() == 2


def test_a_repeated_append_does_not_double_the_key(write, client):
    write("PATCH", "api-keys", {"old": "absent", "new": KEY})
    again = write("PATCH", "api-keys", {"old": "absent", "new": KEY})
    assert isinstance(again, FunnelRefusal)
    assert keys_of(client).count(KEY) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [("api-keys", ["…0001", "sk-second-one-of-all"]), ("claude-api-key", [{"api-key": "…0001"}])],
)
def test_a_masked_list_is_not_put_back(write, client, path, value):
    response = write("PUT", path, value)
    assert response.status == 400
    assert "control characters or letters that no key has" in response.message
    assert len(keys_of(client)) == 2


def test_whole_lists_entries_and_indexes(write, client):
    write(
        "PUT",
        "claude-api-key",
        [
            {"api-key": "sk-ant-one-0000001", "cloak": {"mode": "x"}},
            {"api-key": "sk-ant-two-0000002"},
        ],
    )
    assert (
        write(
            "PATCH",
            "claude-api-key",
            {"match": "sk-ant-two-0000002", "value": {"prefix": "two", "priority": 3}},
        ).status
        == 200
    )
    assert [entry.get("prefix") for entry in read_entries(client, "claude-api-key")] == [
        None,
        "two",
    ]
    write("DELETE", "claude-api-key", index="1")
    (entry,) = read_entries(client, "claude-api-key")
    assert (entry["api-key"], entry["cloak"]) == ("sk-ant-one-0000001", {"mode": "x"})


@pytest.mark.parametrize(
    ("method", "path", "value", "query", "status"),
    [
        (
            "PUT",
            "codex-api-key",
            [{"api-key": "sk-codex-000001"}, {"api-key": "k", "base-url": "https://x"}],
            {},
            400,
        ),
        ("PUT", "claude-api-key", [{"api-key": "sk-ant-x-000001"}] * 2, {}, 400),
        ("PUT", "claude-api-key", {"wrong": 1}, {}, 400),
        ("DELETE", "claude-api-key", None, {"api-key": "sk-ant-nobody-000"}, 404),
        ("DELETE", "api-keys", None, {"index": "99"}, 404),
        ("PUT", "oauth-model-alias", {"codex": "wrong"}, {}, 400),
        ("PATCH", "claude-api-key", {"match": "sk-ant-nobody-000", "value": {}}, {}, 404),
    ],
)
def test_what_the_upstream_would_drop_or_misread_is_refused(
    write, client, method, path, value, query, status
):
    assert write(method, path, value, **query).status == status
    assert len(read_entries(client, "claude-api-key")) == 1


def test_maps_and_switches(write, client):
    assert (
        write("PATCH", "oauth-excluded-models", {"provider": "codex", "models": ["gpt-5*"]}).status
        == 200
    )
    assert (
        write("PATCH", "oauth-excluded-models", {"provider": "claude", "models": ["opus"]}).status
        == 200
    )
    assert write("DELETE", "oauth-excluded-models", provider="codex").status == 200
    assert json.loads(client.call("GET", "oauth-excluded-models", LIMITS).body)[
        "oauth-excluded-models"
    ] == {"claude": ["opus"]}
    assert write("PUT", "routing/strategy", {"value": "ff"}).status == 200
    assert write("PATCH", "debug", {"value": True}).status == 200


def test_emptying_the_client_keys_is_left_to_the_permission_check(write):
    assert write("PUT", "api-keys", []) is None


def test_what_the_upstream_takes_passes_and_what_it_refuses_is_the_callers(upstream, simulator):
    browser = Client()
    browser.force_login(make_user("eve", staff=True))
    text = simulator.app.state.store.text
    url = "/api/management/config.yaml"
    tagged = text + 'x: !!python/object/apply:os.system ["id"]\n'
    assert browser.put(url, tagged, content_type="application/yaml").status_code == 200
    assert "x:\n- id\n" in browser.get(url).content.decode()
    wrong = text.replace("debug: false", "debug: [1]")
    response = browser.put(url, wrong, content_type="application/yaml")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "UPSTREAM_REFUSED")
    assert "cannot unmarshal !!seq into bool" in response.json()["error"]["message"]
