"""Many client keys and provider keys in one act, on the pages and by JSON."""

import json
from collections import Counter

import pytest
from django.test import Client

from management_proxy.client.lists import read_entries
from providers.client_keys.actions import create, switch
from providers.client_keys.withholding import bring_about
from providers.client_keys.withholding_requests import Want
from providers.errors import ChangeRefused
from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from providers.models import BulkAct, ClientKey, Intent, ProviderKey, WithheldKey
from tests.factories import make_user
from tests.providers.conftest import foreign, keys_of

pytestmark = pytest.mark.django_db
ACTS = "/api/providers/acts"


@pytest.fixture
def browser(ada):
    browser = Client()
    browser.force_login(ada)
    return browser


@pytest.fixture
def client_keys(upstream, ada, bob):
    made = [create(upstream, ada, owner=bob, name=f"team-{n}") for n in range(4)]
    return {one.row.pk: one.key for one in made}


@pytest.fixture
def provider_keys(upstream, simulator, ada, bob):
    """The names by which acts call two Claude keys and one of Gemini."""
    lists = {f"{name}_api_key": [] for name in ("claude", "gemini", "codex", "xai", "vertex")}
    foreign(simulator, **lists, interactions_api_key=[])
    for family, key in (("claude", "sk-ant-1"), ("claude", "sk-ant-2"), ("gemini", "AIza-3")):
        fields = {"api-key": f"{key}-0123456789abcdef"}
        add(upstream, NewKey(FAMILIES[family], fields, owner=bob, name=key), ada)
    return [f"{row.family}:{bytes(row.digest).hex()}" for row in ProviderKey.objects.order_by("pk")]


def chosen(browser, subject, verb, value="", names=(), **more):
    fields = {"subject": subject, "verb": verb, "value": value, "name": list(names), **more}
    browser.post("/providers/acts/choose/", fields)
    return BulkAct.objects.latest("pk")


def confirmed(browser, act):
    return browser.post(f"/providers/acts/{act.pk}/confirm/", follow=True).content.decode()


def test_client_keys_are_disabled_after_a_preview_and_enabled_again(
    upstream, client, browser, client_keys
):
    before = set(keys_of(client))
    act = chosen(browser, "client_key", "disable", everything="on", filters="q=team-&page=7")
    page = browser.get(f"/providers/acts/{act.pk}/").content.decode()
    assert "Nothing is done yet. 4 keys are changed" in page
    assert "team-2" in page
    assert set(keys_of(client)) == before
    assert "4 done, 0 failed, 0 open" in confirmed(browser, act)
    assert set(keys_of(client)) == before - set(client_keys.values())
    assert not any(key in str(item.intent.after) for item in act.items.all() for key in before)
    # Nothing but a person gives them back.
    assert bring_about({}).returned == 0
    act = chosen(browser, "client_key", "enable", names=client_keys)
    assert "4 done" in confirmed(browser, act)
    assert set(keys_of(client)) == before
    assert not WithheldKey.objects.exclude(state="released").exists()


def test_a_limit_still_removes_what_a_person_enabled_again(upstream, client, ada, client_keys):
    (key, text), *_ = client_keys.items()
    row = ClientKey.objects.get(pk=key)
    assert switch(row, ada, disabled=True).state == "verified"
    assert text not in keys_of(client)
    row.refresh_from_db()
    assert switch(row, ada, disabled=False).state == "verified"
    assert bring_about({key: Want("a limit", frozenset({1}))}).removed == 1
    assert text not in keys_of(client)
    assert bring_about({}).returned == 1
    assert text in keys_of(client)


def test_an_owner_does_not_lift_a_limit_by_disabling_before_it(upstream, client, bob, client_keys):
    (key, text), *_ = client_keys.items()
    row = ClientKey.objects.get(pk=key)
    limit = {key: Want("a limit", frozenset({1}))}
    switch(row, bob, disabled=True)
    assert bring_about(limit).removed == 0
    row.refresh_from_db()
    switch(row, bob, disabled=False)
    assert text in keys_of(client)
    assert bring_about(limit).removed == 1
    assert text not in keys_of(client)


def test_owner_enables_what_they_disabled_and_nothing_else(upstream, client, ada, bob, client_keys):
    own, of_staff, of_a_limit, _ = ClientKey.objects.filter(pk__in=client_keys).order_by("pk")
    switch(own, bob, disabled=True)
    switch(of_staff, ada, disabled=True)
    bring_about({of_a_limit.pk: Want("a limit", frozenset({1}))})
    for row in (own, of_staff, of_a_limit):
        row.refresh_from_db()
        assert row.state == "withheld"
    assert switch(own, bob, disabled=False).state == "verified"
    for row in (of_staff, of_a_limit):
        with pytest.raises(ChangeRefused, match="only staff"):
            switch(row, bob, disabled=False)
    assert switch(of_a_limit, ada, disabled=False).state == "verified"


def test_last_client_key_is_not_disabled_and_the_others_are(
    upstream, client, simulator, browser, client_keys
):
    foreign(simulator, api_keys=list(client_keys.values()))
    act = chosen(browser, "client_key", "disable", names=client_keys)
    assert "3 done, 1 failed, 0 open" in confirmed(browser, act)
    assert len(keys_of(client)) == 1
    assert WithheldKey.objects.count() == 3
    assert ClientKey.objects.filter(state="active", name__startswith="team-").count() == 1


def test_client_keys_change_owner_and_note_and_go(upstream, client, browser, client_keys):
    eve = make_user("eve")
    seen = ClientKey.objects.create(
        upstream=upstream, digest=b"0" * 32, last_four="0000", state="seen"
    )
    confirmed(browser, chosen(browser, "client_key", "owner", "eve", [*client_keys, seen.pk]))
    assert ClientKey.objects.filter(owner=eve).count() == 5
    confirmed(browser, chosen(browser, "client_key", "note", "until May", client_keys))
    assert ClientKey.objects.filter(note="until May").count() == 4
    assert "until May" in browser.get("/providers/client-keys/?q=until+may").content.decode()
    act = chosen(browser, "client_key", "delete", names=list(client_keys)[:3])
    confirmed(browser, act)
    assert len(set(keys_of(client)) & set(client_keys.values())) == 1
    again = chosen(browser, "client_key", "delete", names=client_keys)
    verdicts = dict(again.items.values_list("name", "verdict"))
    assert sorted(verdicts.values()) == ["changes", "unchanged", "unchanged", "unchanged"]


def test_provider_keys_are_switched_prioritised_noted_handed_over_and_deleted(
    upstream, client, browser, provider_keys
):
    make_user("eve")
    for verb, value in (("disable", ""), ("priority", "7"), ("note", "spare"), ("owner", "eve")):
        act = chosen(browser, "provider_key", verb, value, provider_keys)
        assert "3 done, 0 failed, 0 open" in confirmed(browser, act), verb
    entries = [*read_entries(client, "claude-api-key"), *read_entries(client, "gemini-api-key")]
    assert [(one["priority"], one["excluded-models"]) for one in entries] == [(7, ["*"])] * 3
    assert set(ProviderKey.objects.values_list("note", "owner__username")) == {("spare", "eve")}
    act = chosen(browser, "provider_key", "delete", everything="on", filters="q=sk-ant")
    assert act.items.count() == 2
    confirmed(browser, act)
    assert read_entries(client, "claude-api-key") == []
    assert ProviderKey.objects.count() == 1


@pytest.mark.parametrize("subject", ["client_key", "provider_key"])
def test_no_one_changes_keys_of_others(
    upstream, client, bob, browser, client_keys, provider_keys, subject
):
    eve, bobs = Client(), Client()
    eve.force_login(make_user("eve"))
    bobs.force_login(bob)
    names = list(client_keys) if subject == "client_key" else provider_keys
    eve.post("/providers/acts/choose/", {"subject": subject, "verb": "delete", "name": list(names)})
    assert not BulkAct.objects.exists()
    act = chosen(bobs, subject, "delete", everything="on", filters="")
    ClientKey.objects.update(owner=None)
    ProviderKey.objects.update(owner=None)
    intents = Intent.objects.count()
    confirmed(bobs, act)
    assert set(act.items.values_list("outcome", "reason")) == {("failed", "it is not yours")}
    assert Intent.objects.count() == intents


def test_act_by_json_is_planned_confirmed_and_reported(upstream, client, browser, client_keys):
    body = {"subject": "client_key", "verb": "disable", "filters": {"q": "team-"}}
    planned = browser.post(ACTS, body, "application/json")
    assert planned.status_code == 201, planned.content
    data = planned.json()["data"]
    assert (data["toDo"], data["confirmedAt"], data["isOver"]) == (4, None, False)
    assert set(client_keys.values()) <= set(keys_of(client))
    sent = browser.post(f"{ACTS}/{data['id']}/confirm", {}, "application/json")
    assert sent.status_code == 202
    reported = browser.get(f"{ACTS}/{data['id']}?page=1&pageSize=2").json()["data"]
    assert (reported["done"], reported["isOver"], reported["total"]) == (4, True, 4)
    assert {item["outcome"] for item in reported["items"]} == {"done"}
    assert len(reported["items"]) == 2
    assert browser.delete(f"{ACTS}/{data['id']}").status_code == 409


def test_files_are_uploaded_by_json(upstream, client, browser):
    files = [
        {"fileName": name, "fileContent": text}
        for name, text in (
            ("a.json", json.dumps({"type": "claude", "refresh_token": "r"})),
            ("b.json", "no json"),
        )
    ]
    planned = browser.post(f"{ACTS}/upload", {"files": files}, "application/json").json()["data"]
    assert planned["verdicts"] == {"new": 1, "refused": 1}
    assert browser.delete(f"{ACTS}/{planned['id']}").status_code == 200
    assert browser.get(f"{ACTS}/{planned['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subject": "user", "verb": "delete", "names": ["1"]}, "subject"),
        ({"subject": "client_key", "verb": "priority", "names": ["1"]}, "verb"),
        ({"subject": "client_key", "verb": "delete"}, "names"),
        ({"subject": "client_key", "verb": "delete", "names": ["1"], "filters": {}}, "names"),
        ({"subject": "client_key", "verb": "delete", "names": [1]}, "names"),
        ({"subject": "client_key", "verb": "delete", "filters": {"q": 1}}, "filters"),
        ({"subject": "account", "verb": "delete", "names": ["none"]}, "name"),
    ],
)
def test_bad_act_by_json_is_refused_by_its_field(upstream, browser, body, field):
    response = browser.post(ACTS, body, "application/json")
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]["fields"]) == [field]
    assert not BulkAct.objects.exists()


def test_many_provider_keys_are_judged_shown_and_only_then_added(
    upstream, client, browser, ada, provider_keys
):
    new = [f"sk-ant-{n}-abcdefghijklmnop" for n in range(5, 25)]
    present = "sk-ant-1-0123456789abcdef"
    lines = [*new, present, new[0], "with blanks in it", ""]
    fields = {"family": "claude", "keys": "\r\n".join(lines)}
    response = browser.post("/providers/acts/keys/", fields, follow=True)
    page = response.content.decode()
    act = BulkAct.objects.latest("pk")
    verdicts = Counter(act.items.values_list("verdict", flat=True))
    assert verdicts == {"new": 20, "duplicate": 2, "refused": 1}
    assert "The upstream lists it already." in page
    assert "20 keys are added once you confirm." in page
    assert not any(key in page for key in lines if key)
    assert len(read_entries(client, "claude-api-key")) == 2
    report = confirmed(browser, act)
    assert [entry["api-key"] for entry in read_entries(client, "claude-api-key")][2:] == new
    assert ProviderKey.objects.filter(owner=ada, state="active").count() == 20
    assert not any(key in report for key in new)
    assert not act.items.exclude(content_encrypted=b"").exists()


def test_an_ordinary_user_adds_many_up_to_the_limit(upstream, client, bob, settings, provider_keys):
    settings.MAX_PROVIDER_KEYS_PER_USER = 5  # three are bob's
    browser = Client()
    browser.force_login(bob)
    keys = "\n".join(f"sk-ant-{n}-abcdefghijklmnop" for n in range(5, 9))
    browser.post("/providers/acts/keys/", {"family": "claude", "keys": keys})
    act = BulkAct.objects.latest("pk")
    assert "2 done, 2 failed" in confirmed(browser, act)
    assert len(read_entries(client, "claude-api-key")) == 4


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({"family": "claude", "keys": " "}, "Enter 1 to 1000 keys"),
        ({"family": "openai-compatibility", "keys": "sk-1"}, "Choose a family"),
        ({"family": "codex"}, "Choose a family"),
    ],
)
def test_bad_list_of_keys_is_refused_with_its_reason(upstream, browser, fields, reported):
    page = browser.post("/providers/acts/keys/", fields, follow=True).content.decode()
    assert reported in page
    assert not BulkAct.objects.exists()


def test_keys_are_added_by_json(upstream, client, browser, provider_keys):
    body = {"provider": "gemini", "keys": ["AIza-9-abcdefghijklmnop"]}
    planned = browser.post(f"{ACTS}/keys", json.dumps(body), content_type="application/json")
    assert planned.status_code == 201
    act = BulkAct.objects.get(pk=planned.json()["data"]["id"])
    browser.post(f"{ACTS}/{act.pk}/confirm")
    assert len(read_entries(client, "gemini-api-key")) == 2
    refused = browser.post(
        f"{ACTS}/keys", '{"provider": "gemini", "keys": "x"}', content_type="application/json"
    )
    assert refused.json()["error"]["details"]["fields"].keys() == {"keys"}
