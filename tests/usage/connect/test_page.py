"""The page “Connect a client”: whose keys it offers, what it shows without an address or models,
and that no key is in it."""

import json

import pytest
from django.core.cache import cache
from django.test import Client

from management_proxy.simulator.http.faults import read_fault
from monitoring.models import AuditEntry
from tests.factories import make_client_key, make_upstream, make_user


def signed_in(user):
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def page(row):
    return signed_in(row.owner)


def test_snippets_hold_the_address_and_a_model_but_no_key(page, upstream, text, settings):
    upstream.public_url = "https://llm.example.com/"
    upstream.save()

    response = page.get("/connect/")

    shown = response.content.decode()
    assert "https://llm.example.com/v1" in shown
    assert "UPSTREAM-ADDRESS" not in shown
    assert "YOUR_CLIENT_KEY" in shown
    assert text not in shown
    by_client = {client.slug: model for client, _, model in response.context["clients"]}
    owners = dict(response.context["served"].by_owner)
    assert by_client["claude-code"] in owners["claude"]
    assert by_client["codex"] in owners["codex"]


def test_clients_start_with_the_newest_model_of_their_provider_that_writes(page, simulator):
    listed = [
        {"id": "codex-auto-review", "owned_by": "openai", "created": 9},
        {"id": "gpt-5.4", "owned_by": "openai", "created": 3},
        {"id": "gpt-5.6", "owned_by": "openai", "created": 5},
        {"id": "gpt-image-3", "owned_by": "openai", "created": 8},
        {"id": "claude-haiku-4-5", "owned_by": "anthropic", "created": 2},
        {"id": "claude-opus-4-6", "owned_by": "anthropic"},
        {"id": "relayed", "owned_by": "relay", "created": 10},
    ]
    body = json.dumps({"data": listed})
    simulator.app.faults.add(read_fault({"kind": "garbage", "path": "/v1/models", "body": body}))

    clients = page.get("/connect/").context["clients"]

    by_client = {client.slug: model for client, _, model in clients}
    assert by_client["codex"] == "gpt-5.6"
    assert by_client["claude-code"] == "claude-haiku-4-5"
    assert by_client["gemini-cli"] == "relayed", "without one of its provider, any"
    assert by_client["aider"] == "gpt-5.6"


def test_a_model_in_the_address_is_in_every_snippet(page, model):
    response = page.get("/connect/", {"model": model})
    assert {chosen for *_, chosen in response.context["clients"]} == {model}
    response = page.get("/connect/", {"model": "'; rm -rf ~"})
    assert "rm -rf" not in response.content.decode()


def test_without_an_address_the_page_names_the_step(page):
    assert "An administrator sets it" in page.get("/connect/").content.decode()
    staff = signed_in(make_user("root", staff=True)).get("/connect/").content.decode()
    assert "/admin/management_proxy/upstream/" in staff


def test_users_see_their_own_keys_and_staff_all(page, upstream, row):
    other = make_client_key(upstream, "sk-other-0123456789", owner=make_user("eve"), name="eve's")

    def offered(browser):
        return list(browser.get("/connect/").context["form"].fields["key"].queryset)

    assert offered(page) == [row]
    staff = signed_in(make_user("root", staff=True))
    assert set(offered(staff)) == {row, other}
    nameless = make_client_key(upstream, "sk-nameless-0123456789")
    assert offered(staff)[-1] == nameless, "first those that have a name"


def test_the_key_of_another_user_cannot_be_tried(page, upstream, model):
    other = make_client_key(upstream, "sk-other-0123456789", owner=make_user("eve"), name="eve's")

    response = page.post("/connect/try/", {"key": other.pk, "model": model, "protocol": "chat"})

    assert response.status_code == 400
    assert not AuditEntry.objects.filter(action="client_key.tried").exists()


def test_a_try_shows_what_the_model_wrote_with_and_without_scripts(page, row, model):
    chosen = {"key": row.pk, "model": model, "protocol": "messages"}

    whole = page.post("/connect/try/", chosen)
    part = page.post("/connect/try/", chosen, headers={"HX-Request": "true"})

    for response in (whole, part):
        assert response.status_code == 200
        assert "The model wrote: ok" in response.content.decode()
    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize("field", ["key", "model", "protocol"])
def test_a_bad_choice_is_refused_at_its_field(page, row, model, field):
    chosen = {"key": row.pk, "model": model, "protocol": "chat", field: "bad"}
    assert page.post("/connect/try/", chosen).status_code == 400
    part = page.post("/connect/try/", chosen, headers={"HX-Request": "true"})
    assert 'class="field-error"' in part.content.decode()


@pytest.mark.parametrize(("protocol", "owner"), [("messages", "claude"), ("responses", "codex")])
def test_without_a_choice_a_model_that_suits_the_protocol_is_tried(page, row, protocol, owner):
    response = page.post("/connect/try/", {"key": row.pk, "model": "", "protocol": protocol})
    assert response.status_code == 200
    assert response.context["trial"].model in dict(response.context["served"].by_owner)[owner]


def test_trying_is_a_post_with_a_token_of_a_user(row, model):
    chosen = {"key": row.pk, "model": model, "protocol": "chat"}
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(row.owner)

    assert strict.post("/connect/try/", chosen).status_code == 403
    assert signed_in(row.owner).get("/connect/try/").status_code == 405
    assert Client().post("/connect/try/", chosen).status_code == 302
    assert Client().get("/connect/").status_code == 302


def test_models_are_read_once_a_minute_and_failures_more_often(page, simulator, row):
    simulator.app.faults.add(read_fault({"kind": "status", "path": "/v1/models"}))
    assert "could not be read" in page.get("/connect/").content.decode()
    assert "could not be read" in page.get("/connect/").content.decode()
    cache.clear()

    served = page.get("/connect/").context["served"]

    requests = simulator.app.tally.count()
    assert served.models
    assert page.get("/connect/").context["served"] == served
    assert simulator.app.tally.count() == requests


def test_names_that_no_snippet_could_hold_are_counted_not_shown(page, simulator):
    listed = '{"data": [{"id": "good"}, {"id": "a\\"; id"}, {"id": "$(id)"}]}'
    simulator.app.faults.add(read_fault({"kind": "garbage", "path": "/v1/models", "body": listed}))

    response = page.get("/connect/")

    assert [model.name for model in response.context["served"].models] == ["good"]
    assert "2 more have names" in response.content.decode()


def test_an_unknown_upstream_and_one_that_is_gone(page, settings):
    assert "No such upstream" in page.get("/connect/?upstream=none").content.decode()
    make_upstream(name="gone", management_url="http://127.0.0.1:9/v0/management")
    assert "could not be read" in page.get("/connect/?upstream=gone").content.decode()
