"""The pages of provider keys, client keys, changes and drift: they show, they change, they tell;
strangers get nothing."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from management_proxy.client.lists import read_entries
from providers.client_keys import consumption
from providers.client_keys.actions import create
from providers.client_keys.consumption import Consumption
from providers.drift.queries import check_drift
from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from providers.models import ClientKey, Intent, ProviderKey
from tests.factories import make_user
from tests.pages.upstreams import DOWN
from tests.providers.conftest import client, foreign, keys_of, simulator, upstream  # noqa: F401

pytestmark = pytest.mark.django_db
KEY = "sk-ant-0123456789abcdef"


def signed_in(user):
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def page(ada, upstream, simulator):  # noqa: F811
    foreign(
        simulator,
        **{
            f"{name}_api_key": []
            for name in ("claude", "gemini", "codex", "xai", "vertex", "interactions")
        },
    )
    return signed_in(ada)


@pytest.fixture
def key(upstream, ada, page):  # noqa: F811
    fields = {
        "api-key": KEY,
        "headers": {"X-Secret": "very-secret"},
        "models": [{"name": "opus", "alias": "big"}],
    }
    add(upstream, NewKey(FAMILIES["claude"], fields, owner=ada), ada)
    return bytes(ProviderKey.objects.get().digest).hex()


def form_of(response):
    """What the page's form would send back unchanged."""
    form = response.context["form"]
    return {name: "" if form[name].value() is None else form[name].value() for name in form.fields}


def test_keys_are_listed_masked_with_owner_and_state(page, key):
    text = page.get("/providers/keys/").content.decode()
    assert "…cdef" in text
    assert "in use" in text
    assert KEY not in text + page.get(f"/providers/keys/claude/{key}/").content.decode()
    assert "very-secret" not in page.get(f"/providers/keys/claude/{key}/").content.decode()


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "openai-compatibility"])
def test_a_key_is_added_by_the_form(page, client, family):  # noqa: F811
    base = {"base_url": "https://api.example.com"} if FAMILIES[family].needs_base_url else {}
    response = page.post(
        f"/providers/keys/new/{family}/",
        {"name": "Mine", "key": KEY, "models": "opus = big", **base},
        follow=True,
    )
    assert "was added" in response.content.decode(), response.content.decode()
    (entry,) = read_entries(client, FAMILIES[family].route)
    assert (entry["api-key"], entry["models"][0]["alias"]) == (KEY, "big")


def test_an_unchanged_form_changes_nothing(page, key, client):  # noqa: F811
    before = read_entries(client, "claude-api-key")
    page.post(f"/providers/keys/claude/{key}/", form_of(page.get(f"/providers/keys/claude/{key}/")))
    assert read_entries(client, "claude-api-key") == before
    assert Intent.objects.count() == 1


def test_an_edit_keeps_what_it_does_not_show(page, key, client):  # noqa: F811
    form = form_of(page.get(f"/providers/keys/claude/{key}/"))
    assert form["headers"] == "X-Secret: …"
    page.post(
        f"/providers/keys/claude/{key}/",
        {**form, "model_prefix": "team", "headers": "X-Secret: …\nX-New: 1"},
    )
    (entry,) = read_entries(client, "claude-api-key")
    assert (entry["prefix"], entry["headers"]) == (
        "team",
        {"X-Secret": "very-secret", "X-New": "1"},
    )


def test_a_key_that_changed_under_the_editor_is_refused_at_its_field(page, key, client, simulator):  # noqa: F811
    form = form_of(page.get(f"/providers/keys/claude/{key}/"))
    foreign(simulator, claude_api_key=[{"api-key": KEY, "prefix": "theirs"}])
    response = page.post(f"/providers/keys/claude/{key}/", {**form, "model_prefix": "mine"})
    assert response.status_code == 400
    assert "it was changed after" in response.content.decode()
    assert read_entries(client, "claude-api-key")[0]["prefix"] == "theirs"


def test_bad_input_is_shown_at_its_field(page):
    response = page.post(
        "/providers/keys/new/codex/", {"key": KEY, "base_url": "http://169.254.169.254/"}
    )
    assert (response.status_code, list(response.context["form"].errors)) == (400, ["base_url"])
    assert not ProviderKey.objects.exists()


def test_switch_try_and_remove(page, key, client, simulator):  # noqa: F811
    simulator.control("api-call", {"url": "https://api.anthropic.com", "status": 401, "body": "{}"})
    assert (
        "rejects the key"
        in page.post(f"/providers/keys/claude/{key}/try/", follow=True).content.decode()
    )
    assert (
        "out of use"
        in page.post(
            f"/providers/keys/claude/{key}/switch/", {"disabled": "true"}, follow=True
        ).content.decode()
    )
    assert (
        "was removed"
        in page.post(f"/providers/keys/claude/{key}/remove/", follow=True).content.decode()
    )
    assert read_entries(client, "claude-api-key") == []


def test_people_see_and_reach_their_own_only(page, key, ada, upstream):  # noqa: F811
    create(upstream, ada, owner=ada, name="Hers")
    bob = signed_in(make_user("bob"))
    text = (
        bob.get("/providers/keys/").content.decode()
        + bob.get("/providers/client-keys/").content.decode()
        + bob.get("/providers/changes/").content.decode()
    )
    assert "…cdef" not in text
    assert "Hers" not in text
    for address in (
        f"/providers/keys/claude/{key}/",
        f"/providers/client-keys/{ClientKey.objects.get(name='Hers').pk}/",
    ):
        assert bob.get(address).status_code == 404
    assert bob.post(f"/providers/keys/claude/{key}/remove/").status_code == 404
    assert bob.get("/providers/drift/").status_code == 403


def test_strangers_are_sent_to_the_login(db):
    for address in ("keys", "client-keys", "changes", "drift"):
        assert Client().get(f"/providers/{address}/").status_code == 302


def test_a_client_key_is_shown_once(page, client):  # noqa: F811
    response = page.post("/providers/client-keys/", {"name": "Team A", "monthly_tokens": "1000"})
    key = re.search(r'id="new-key">([^<]+)<', response.content.decode())[1]
    assert (response.status_code, keys_of(client)[-1]) == (201, key)
    assert key not in page.get("/providers/client-keys/").content.decode()


def test_a_listed_key_that_is_not_managed_is_adopted(page, ada, client):  # noqa: F811
    page.get("/providers/client-keys/")
    row = ClientKey.objects.filter(state="seen").first()
    page.post(
        f"/providers/client-keys/{row.pk}/",
        {
            "name": "By hand",
            "owner": ada.pk,
            "ends_on": (timezone.now() + timedelta(days=30)).date(),
        },
    )
    row.refresh_from_db()
    assert (row.state, row.name, row.owner) == ("active", "By hand", ada)


def test_rotate_shows_the_new_key_and_revoke_ends_it(page, upstream, ada, client):  # noqa: F811
    made = create(upstream, ada, owner=ada, name="Team A")
    response = page.post(f"/providers/client-keys/{made.row.pk}/rotate/", {"overlap": "24"})
    new = re.search(r'id="new-key">([^<]+)<', response.content.decode())[1]
    assert {made.key, new} <= set(keys_of(client))
    page.post(f"/providers/client-keys/{made.row.pk}/revoke/")
    assert made.key not in keys_of(client)


def test_client_keys_are_searched_sorted_and_paged_by_the_server(
    page,
    upstream,  # noqa: F811
    ada,
    monkeypatch,
):
    from providers.web import listing

    monkeypatch.setattr(listing, "ROWS_A_PAGE", 2)
    ClientKey.objects.bulk_create(
        ClientKey(
            upstream=upstream,
            digest=bytes([number]) * 32,
            last_four=f"000{number}",
            name=f"Team {number}",
            owner=ada if number % 2 else None,
            state="active",
        )
        for number in range(5)
    )
    ClientKey.objects.filter(name="Team 4").update(state="revoked", revoked_at=timezone.now())

    def shown(query):
        text = page.get(f"/providers/client-keys/?{query}").content.decode()
        return re.findall(r">(Team \d)</a>", text)

    assert shown("q=team&sort=-key") == ["Team 3", "Team 2"]
    assert shown("q=team&sort=-key&page=2") == ["Team 1", "Team 0"]
    assert shown("q=0001") == ["Team 1"]
    assert shown("q=team&owner=-") == ["Team 0", "Team 2"]
    assert shown("q=team&state=past") == ["Team 4"]
    assert shown("q=nothing") == []


def test_client_keys_are_sorted_by_what_they_used(page, upstream, monkeypatch):  # noqa: F811
    now = timezone.now()
    rows = ClientKey.objects.bulk_create(
        ClientKey(
            upstream=upstream,
            digest=bytes([number]) * 32,
            name=f"Team {number}",
            state="active",
            monthly_requests=1000 if number < 2 else None,
        )
        for number in range(3)
    )
    ClientKey.objects.filter(name="Team 2").update(first_seen_at=now - timedelta(days=3))
    used = {
        rows[0].pk: Consumption(requests=20, tokens=5, last_used_at=now),
        rows[1].pk: Consumption(requests=900, tokens=1, last_used_at=now - timedelta(days=1)),
    }
    monkeypatch.setattr(consumption, "_sources", [lambda ids: used])

    def shown(sort):
        text = page.get(f"/providers/client-keys/?q=team&sort={sort}").content.decode()
        assert text.count("aria-sort") == (0 if "created" in sort else 1)
        return [int(number) for number in re.findall(r">Team (\d)</a>", text)]

    assert shown("-requests") == [1, 0, 2]
    assert shown("tokens") == [2, 1, 0]
    assert shown("used") == [1, 0, 2]
    assert shown("-limit") == [1, 0, 2]
    assert shown("created")[0] == 2


def test_provider_keys_are_searched_and_sorted_by_the_server(page, key, ada, upstream):  # noqa: F811
    more = {"api-key": "sk-ant-zzzz9999zzzz", "priority": 5, "prefix": "spare"}
    add(upstream, NewKey(FAMILIES["claude"], more, owner=None, name="Spare"), ada)

    def shown(query):
        text = page.get(f"/providers/keys/?{query}").content.decode()
        return re.findall(r'class="name"[^>]*>([^<]+)</a>', text)

    assert shown("sort=-key") == ["Spare", "Claude …cdef"]
    assert shown("sort=priority") == ["Spare", "Claude …cdef"]
    assert shown("sort=prefix") == ["Spare", "Claude …cdef"]
    assert shown("sort=-base-url") == shown("sort=models") == shown("")
    assert shown("q=spar") == shown("owner=-") == ["Spare"]
    assert shown("owner=ada") == ["Claude …cdef"]
    assert shown("state=disabled") == []


def test_changes_show_who_waits_and_what_became_of_it(page, upstream, ada):  # noqa: F811
    create(upstream, ada, owner=ada, name="Done")
    Intent.objects.bulk_create(
        Intent(
            upstream=upstream,
            kind="client_key.added",
            resource="api-keys",
            subject=str(n),
            title=f"Waits {n}",
            change_encrypted=b"x",
        )
        for n in range(3)
    )
    text = page.get("/providers/changes/").content.decode()
    assert "2 changes ahead" in text
    assert "✓ verified" in text
    assert "3 waiting" in text


def test_drift_is_shown_and_fixed(page, key, client, upstream, simulator):  # noqa: F811
    foreign(simulator, claude_api_key=[])
    assert "Not compared yet" in page.get("/providers/drift/").content.decode()
    check_drift(upstream)
    text = page.get("/providers/drift/").content.decode()
    assert "Missing upstream" in text
    difference = re.search(r'name="difference" value="(provider-key[^"]+)"', text)[1]
    page.post("/providers/drift/mend/", {"difference": difference, "direction": "here"})
    assert read_entries(client, "claude-api-key")[0]["api-key"] == KEY


def test_pages_work_while_the_upstream_is_down(page, upstream):  # noqa: F811
    upstream.management_url = "http://127.0.0.1:9/v0/management"
    upstream.save()
    for address in ("keys", "client-keys", "changes", "drift"):
        response = page.get(f"/providers/{address}/")
        assert response.status_code == 200, address
    assert "cannot be read now" in page.get("/providers/keys/").content.decode()


def test_managed_keys_are_shown_while_the_upstream_is_down(page, key, simulator):  # noqa: F811
    simulator.control("faults", DOWN)
    shown = page.get("/providers/keys/").content.decode()
    assert "cannot be read now" in shown
    assert "What is shown is the last known state." in shown
    assert "Claude …cdef" in shown
    assert "○ last known" in shown
    assert "▲ not loaded" not in shown
    assert KEY not in shown
