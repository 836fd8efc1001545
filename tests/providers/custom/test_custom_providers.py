"""Custom providers through the pages: everything editable, nothing lost, secrets kept, groups that
switch."""

import re
import threading
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import quote

import pytest

from management_proxy.client import lists as list_client
from providers.custom import actions as custom_actions
from providers.custom.actions import Place
from providers.custom.queries import custom_rows, find_custom
from providers.errors import ChangeRefused
from providers.models import Intent, Placement, ProviderGroup, ProviderKey
from tests.factories import make_user

pytestmark = pytest.mark.django_db
LIST = "/providers/custom/"
ROUTE = "openai-compatibility"
BASE = "https://203.0.113.7/v1"  # no look-up, and documented as nobody's


@pytest.fixture
def public(monkeypatch):
    """Addresses of documentation count as public here."""
    from monitoring import addresses

    monkeypatch.setattr(
        addresses, "_is_public", lambda address: str(address).startswith("203.0.113.")
    )


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def as_user():
    from django.test import Client

    def signed_in(user):
        browser = Client()
        browser.force_login(user)
        return browser

    return signed_in


def form_of(page):
    """What a browser would send back unchanged."""
    fields = {}
    for tag in re.findall(
        r"<input[^>]*>",
        page.split("<template")[0]
        + "".join(part.split("</template>")[-1] for part in page.split("<template")[1:]),
    ):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if found.get("name") and (
            found.get("type") not in ("checkbox", "search") or " checked" in tag
        ):
            fields[found["name"]] = unescape(
                found.get("value", "on" if found.get("type") == "checkbox" else "")
            )
    for name, body in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        fields[name] = chosen[1] if chosen else ""
    return {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}


def page_of(name=""):
    return f"{LIST}provider/" + (f"?name={quote(name)}" if name else "")


def entry_of(client, name):
    return next(
        (entry for entry in list_client.read_entries(client, ROUTE) if entry["name"] == name), None
    )


def add(upstream, user, name="mine", **fields):
    entry = {
        "name": name,
        "base-url": BASE,
        "api-key-entries": [{"api-key": f"sk-{name}-0123456789abcdef"}],
        **fields,
    }
    intent = custom_actions.create(upstream, user, entry)
    assert intent.state == Intent.State.VERIFIED, intent.error
    return find_custom(upstream, user, name)


def test_new_provider_belongs_to_who_adds_it(upstream, client, as_user, bob, public):
    browser = as_user(bob)
    fields = form_of(browser.get(page_of()).content.decode())
    given = {
        "name": "mine",
        "base_url": BASE,
        "keys-0-key": "sk-mine-0123456789abcdef",
        "keys-0-weight": "2",
        "models-0-name": "glm-4.7",
        "models-0-alias": "glm",
        "headers-0-name": "X-Team",
        "headers-0-value": "blue-secret",
    }
    page = browser.post(
        page_of(), {**fields, **given, "step": "save"}, follow=True
    ).content.decode()
    assert "mine is added" in page
    assert "0123456789ab" not in page
    entry = entry_of(client, "mine")
    assert entry["api-key-entries"][0]["api-key"] == "sk-mine-0123456789abcdef"
    assert (entry["models"][0]["alias"], entry["headers"]) == ("glm", {"X-Team": "blue-secret"})
    assert ProviderKey.objects.get(family=ROUTE).owner == bob
    assert Placement.objects.get().provider_key.owner == bob


def test_others_see_only_what_is_shared_and_none_of_its_secrets(
    upstream, as_user, ada, bob, public
):
    row = add(upstream, ada, "aloof")
    assert "aloof" not in as_user(bob).get(LIST).content.decode()
    custom_actions.place_provider(upstream, ada, row, Place(is_shared=True))
    page = as_user(bob).get(LIST).content.decode()
    assert "aloof" in page
    assert "cdef" not in page
    assert as_user(bob).get(page_of("aloof")).status_code == 404
    for action, fields in (("switch", {"disabled": "true"}), ("remove", {})):
        assert (
            "you do not own it"
            in as_user(bob)
            .post(f"{LIST}{action}/", {"name": "aloof", **fields}, follow=True)
            .content.decode()
            .lower()
        )
    assert (
        "Only staff"
        in as_user(bob)
        .post(f"{LIST}move/", {"name": "aloof", "to": "up"}, follow=True)
        .content.decode()
    )


def test_untouched_form_changes_nothing(upstream, client, as_user, ada):
    before = list_client.read_entries(client, ROUTE)
    browser = as_user(ada)
    fields = form_of(browser.get(page_of("openrouter")).content.decode())
    assert browser.post(page_of("openrouter"), {**fields, "step": "save"}).status_code == 302
    assert list_client.read_entries(client, ROUTE) == before
    assert not Intent.objects.exists()


def test_edit_keeps_stored_keys_and_unknown_fields(upstream, client, as_user, ada):
    entries = [
        {k: v for k, v in e.items() if k != "auth-index"}
        for e in list_client.read_entries(client, ROUTE)
    ]
    entries[0]["request-scoped-errors"] = [{"status": 400, "match": ["x"], "action": "stop"}]
    entries[0]["models"][0]["thinking"] = {"levels": ["low"]}
    list_client.replace_list(client, ROUTE, entries)
    browser = as_user(ada)
    page = browser.get(page_of("openrouter")).content.decode()
    keys = [item["api-key"] for item in entries[0]["api-key-entries"]]
    assert [key for key in keys if key in page] == []
    fields = form_of(page) | {
        "keys-1-key": "sk-or-v1-new-one-0123456789",
        "models-0-alias": "deep",
        "prefix": "or",
        "keys-0-proxy": "socks5://10.0.0.1:1080",
    }
    assert (
        "is saved"
        in browser.post(
            page_of("openrouter"), {**fields, "step": "save"}, follow=True
        ).content.decode()
    )
    entry = entry_of(client, "openrouter")
    assert [item["api-key"] for item in entry["api-key-entries"]] == [
        keys[0],
        "sk-or-v1-new-one-0123456789",
    ]
    assert entry["api-key-entries"][0]["proxy-url"] == "socks5://10.0.0.1:1080"
    assert (entry["models"][0]["alias"], entry["models"][0]["thinking"]) == (
        "deep",
        {"levels": ["low"]},
    )
    assert entry["request-scoped-errors"] == [{"status": 400, "match": ["x"], "action": "stop"}]
    assert entry["prefix"] == "or"


def test_rows_are_removed(upstream, client, as_user, ada):
    browser = as_user(ada)
    fields = form_of(browser.get(page_of("openrouter")).content.decode()) | {
        "keys-0-DELETE": "on",
        "models-1-DELETE": "on",
    }
    browser.post(page_of("openrouter"), {**fields, "step": "save"})
    entry = entry_of(client, "openrouter")
    assert (len(entry["api-key-entries"]), len(entry["models"])) == (1, 1)


def test_stored_keys_are_not_sent_to_another_address(upstream, client, as_user, ada, public):
    browser = as_user(ada)
    fields = form_of(browser.get(page_of("relay")).content.decode()) | {
        "base_url": BASE,
        "step": "save",
    }
    response = browser.post(page_of("relay"), fields)
    assert response.status_code == 400
    assert "not sent to a new place" in response.content.decode()
    assert (
        "is saved"
        in browser.post(
            page_of("relay"), {**fields, "keys-0-key": "sk-for-the-new-place-01"}, follow=True
        ).content.decode()
    )
    assert entry_of(client, "relay")["base-url"] == BASE


@pytest.mark.parametrize(
    ("field", "value", "reported"),
    [
        ("base_url", "https://user:pw@example.com/v1", "user name"),
        ("base_url", "http://169.254.169.254/v1", "metadata"),
        ("base_url", "http://127.0.0.1:8317/v1", "private"),
        ("base_url", "gopher://example.com", "Expected an address"),
        ("name", "", "required"),
        ("name", "x" * 101, "at most 100"),
        ("keys-0-key", "has blank", "blanks"),
        ("keys-0-key", "k\x07ey-with-control", "control"),
        ("keys-0-key", "x" * 5000, "at most 4096"),
        ("keys-0-proxy", "ftp://x", "proxy"),
        ("prefix", "a/b", "slash"),
        ("keys-0-weight", "2000000", "weight"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(
    upstream, client, as_user, bob, public, field, value, reported
):
    before = list_client.read_entries(client, ROUTE)
    browser = as_user(bob)
    good = {"name": "mine", "base_url": BASE, "keys-0-key": "sk-mine-0123456789abcdef"}
    response = browser.post(
        page_of(),
        {**form_of(browser.get(page_of()).content.decode()), **good, field: value, "step": "save"},
    )
    assert response.status_code == 400 or "field-error" in response.content.decode()
    assert reported in unescape(response.content.decode())
    assert list_client.read_entries(client, ROUTE) == before


def test_name_that_is_taken_is_refused(upstream, client, as_user, bob, public):
    with pytest.raises(AssertionError, match="listed upstream already"):
        add(upstream, bob, "relay")
    assert len([e for e in list_client.read_entries(client, ROUTE) if e["name"] == "relay"]) == 1
    assert not ProviderKey.objects.exists()


def test_provider_of_which_the_upstream_discards_a_field_keeps_its_owner(
    upstream, client, bob, public, monkeypatch
):
    from providers.keys import resources

    read = list_client.read_entries

    def without_headers(*args):
        return [
            {name: value for name, value in entry.items() if name != "headers"}
            for entry in read(*args)
        ]

    monkeypatch.setattr(resources.list_client, "read_entries", without_headers)
    intent = custom_actions.create(
        upstream, bob, {"name": "mine", "base-url": BASE, "headers": {"X-Team": "a"}}
    )
    assert (intent.state, intent.error) == (
        Intent.State.VERIFIED,
        "the upstream does not keep headers",
    )
    assert ProviderKey.objects.get().owner == bob


def test_edit_over_a_newer_change_is_refused(upstream, client, ada):
    row = find_custom(upstream, ada, "relay")
    list_client.patch_entry(client, ROUTE, {"name": "relay"}, {"prefix": "theirs"})
    intent = custom_actions.edit(upstream, ada, row, {"prefix": "ours"})
    assert (intent.state, intent.error_code) == (Intent.State.FAILED, "CONFLICT")
    assert entry_of(client, "relay")["prefix"] == "theirs"


def test_switch_and_removal(upstream, client, as_user, bob, public):
    add(upstream, bob)
    browser = as_user(bob)
    browser.post(f"{LIST}switch/", {"name": "mine", "disabled": "true"})
    assert entry_of(client, "mine")["disabled"] is True
    browser.post(f"{LIST}remove/", {"name": "mine"})
    assert entry_of(client, "mine") is None
    assert not Placement.objects.exists()
    assert len(list_client.read_entries(client, ROUTE)) == 2


def test_switch_of_a_group_switches_all_its_providers(upstream, client, as_user, ada):
    group = custom_actions.save_group(upstream, ada, "relays", "blue", is_everybodys=True)
    for name in ("openrouter", "relay"):
        custom_actions.place_provider(
            upstream, ada, find_custom(upstream, ada, name), Place(group=group, group_given=True)
        )
    browser = as_user(ada)
    page = " ".join(browser.get(LIST).content.decode().split())
    assert 'aria-checked="true" aria-label="All of relays in use"' in page
    browser.post(f"{LIST}groups/switch/", {"group": group.pk, "disabled": "true"})
    assert [entry.get("disabled") for entry in list_client.read_entries(client, ROUTE)] == [
        True,
        True,
    ]
    browser.post(f"{LIST}switch/", {"name": "relay", "disabled": "false"})
    assert 'aria-checked="mixed"' in browser.get(LIST).content.decode()
    browser.post(f"{LIST}groups/switch/", {"group": group.pk, "disabled": "false"})
    assert not any(entry.get("disabled") for entry in list_client.read_entries(client, ROUTE))


def test_group_of_another_user_is_out_of_reach(upstream, as_user, ada, bob, public):
    group = custom_actions.save_group(upstream, ada, "private", "red")
    everybodys = custom_actions.save_group(upstream, ada, "common", "teal", is_everybodys=True)
    page = as_user(bob).get(LIST).content.decode()
    assert "private" not in page
    for action in ("switch", "remove", "save"):
        as_user(bob).post(
            f"{LIST}groups/{action}/", {"group": group.pk, "name": "taken", "colour": "red"}
        )
        as_user(bob).post(
            f"{LIST}groups/{action}/", {"group": everybodys.pk, "name": "taken", "colour": "red"}
        )
    assert set(ProviderGroup.objects.values_list("name", flat=True)) == {"private", "common"}
    with pytest.raises(ChangeRefused, match="another user"):
        custom_actions.create(
            upstream, bob, {"name": "mine", "base-url": BASE}, Place(group=group, group_given=True)
        )
    with pytest.raises(ChangeRefused, match="Only staff"):
        custom_actions.create(
            upstream, bob, {"name": "mine", "base-url": BASE}, Place(is_shared=True)
        )


@pytest.mark.parametrize(
    ("name", "colour", "reported"),
    [
        ("", "red", "name"),
        ("x" * 51, "red", "name"),
        ("a\x07", "red", "printable"),
        ("good", "#123456", "Expected one of"),
    ],
)
def test_bad_group_is_refused(upstream, ada, name, colour, reported):
    with pytest.raises(ChangeRefused, match=reported):
        custom_actions.save_group(upstream, ada, name, colour)


def test_dissolved_group_leaves_its_providers(upstream, client, ada):
    group = custom_actions.save_group(upstream, ada, "relays", "blue")
    custom_actions.place_provider(
        upstream, ada, find_custom(upstream, ada, "relay"), Place(group=group, group_given=True)
    )
    custom_actions.remove_group(ada, group)
    assert find_custom(upstream, ada, "relay").group is None


def test_order_is_the_upstream_s(upstream, client, as_user, ada):
    browser = as_user(ada)
    browser.post(f"{LIST}move/", {"name": "relay", "to": "up"})
    assert [entry["name"] for entry in list_client.read_entries(client, ROUTE)] == [
        "relay",
        "openrouter",
    ]
    browser.post(f"{LIST}move/", {"name": "relay", "to": "down"})
    assert [row.name for row in custom_rows(upstream, ada)] == ["openrouter", "relay"]
    assert (
        "already"
        in browser.post(
            f"{LIST}move/", {"name": "relay", "to": "down"}, follow=True
        ).content.decode()
    )


@pytest.fixture
def provider_server(settings):
    """A provider on loopback that tells which key it was asked with."""
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.1"]
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            body = b'{"data": [{"id": "m-1"}, {"id": "m-2"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", seen
    server.shutdown()
    server.server_close()


def test_found_models_are_offered_and_added(upstream, client, as_user, bob, provider_server):
    url, seen = provider_server
    browser = as_user(bob)
    given = {
        **form_of(browser.get(page_of()).content.decode()),
        "name": "mine",
        "base_url": url,
        "keys-0-key": "sk-mine-0123456789abcdef",
    }
    part = browser.post(
        page_of(), {**given, "step": "discover"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert 'value="m-1"' in part
    assert "<html" not in part
    assert seen == ["Bearer sk-mine-0123456789abcdef"]
    browser.post(page_of(), {**given, "found": ["m-2"], "step": "save"})
    assert [model["name"] for model in entry_of(client, "mine")["models"]] == ["m-2"]


def test_stored_key_reaches_its_own_provider_only(upstream, ada, provider_server):
    url, seen = provider_server
    row = add(upstream, ada, "mine", **{"base-url": url})
    custom_actions.discover(url, "", {}, row)
    other = find_custom(upstream, ada, "relay")
    custom_actions.discover(url, "", {}, other)
    assert seen == ["Bearer sk-mine-0123456789abcdef", None]


def test_private_provider_gets_no_request(upstream, as_user, bob):
    browser = as_user(bob)
    given = {
        **form_of(browser.get(page_of()).content.decode()),
        "name": "mine",
        "base_url": "http://127.0.0.1:1/v1",
        "step": "discover",
    }
    assert (
        "PRIVATE_PROVIDER_NETWORKS"
        in browser.post(page_of(), given, headers={"HX-Request": "true"}).content.decode()
    )
