"""OAuth accounts through the pages: seeing, changing, uploading, deleting, for owners, staff and
strangers."""

import codecs
import json
from urllib.parse import quote

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from management_proxy.client import auth_files as auth_file_client
from monitoring.models import AuditEntry
from providers.accounts.auth_files import Health, auth_file_of
from providers.accounts.logins.actions import begin
from providers.accounts.uploads import checked_upload
from providers.errors import ChangeRefused
from providers.models import Account, AccountLogin, Credential, Intent
from tests.factories import make_user, recordings_in

pytestmark = pytest.mark.django_db
LIST = "/providers/accounts/"
FILE = "claude-carol@example.com.json"
PAGE = f"{LIST}account/?name={quote(FILE)}"


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def bob():
    return make_user("bob")


@pytest.fixture
def as_user(client_class, upstream):
    def signed_in(user):
        browser = client_class()
        browser.force_login(user)
        return browser

    return signed_in


@pytest.fixture
def client_class():
    from django.test import Client

    return Client


def own(upstream, user, name=FILE):
    return Account.objects.create(
        upstream=upstream, name=name, provider="claude", owner=user, origin="login"
    )


def post(browser, action, name=FILE, **fields):
    return browser.post(f"{LIST}{action}/", {"name": name, **fields}, follow=True).content.decode()


def listed(client, name=FILE):
    found = auth_file_client.list_auth_files(client, name)
    return auth_file_of(found[0]) if found else None


def account_file(**fields):
    return json.dumps(
        {
            "type": "codex",
            "email": "new@example.com",
            "refresh_token": "r-1",
            "access_token": "secret-token",
            **fields,
        }
    ).encode()


def send_file(browser, name, content, **fields):
    return browser.post(
        f"{LIST}upload/", {"file": SimpleUploadedFile(name, content), **fields}, follow=True
    ).content.decode()


def test_staff_see_all_accounts_and_others_their_own(upstream, as_user, ada, bob):
    own(upstream, bob)
    assert "alice@example.com" in as_user(ada).get(LIST).content.decode()
    page = as_user(bob).get(LIST).content.decode()
    assert "carol@example.com" in page
    assert "alice@example.com" not in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("provider=codex", "alice@", "carol@"),
        ("q=CAROL", "carol@", "alice@"),
        ("owner=bob", "carol@", "alice@"),
        ("owner=-", "alice@", "carol@"),
        ("health=active", "alice@", "no such"),
        ("health=disabled", "No account matches", "alice@"),
        ("provider=nonsense", "No account matches", "alice@"),
    ],
)
def test_filters_narrow_the_list(upstream, as_user, ada, bob, query, shown, hidden):
    own(upstream, bob)
    page = as_user(ada).get(f"{LIST}?{query}").content.decode()
    assert shown in page
    assert hidden not in page


def test_account_leads_staff_to_what_it_did(upstream, client, as_user, ada, bob):
    own(upstream, bob)
    assert "/usage/?credential=" not in as_user(ada).get(PAGE).content.decode()
    used = Credential.objects.create(upstream=upstream, auth_index=listed(client).auth_index)
    link = f'href="/usage/failures/?credential={used.pk}"'
    assert link in as_user(ada).get(PAGE).content.decode()
    assert link not in as_user(bob).get(PAGE).content.decode()


def test_unreachable_upstream_is_reported_on_the_page(upstream, as_user, ada, simulator):
    httpx.post(
        f"{simulator.url}/__control/faults",
        json={"kind": "status", "status": 503, "path": "*auth-files"},
    ).raise_for_status()
    assert "cannot be read now" in as_user(ada).get(LIST).content.decode()


def test_cooling_account_says_why_and_until_when(upstream, client, as_user, ada, simulator):
    index = listed(client).auth_index
    fault = {
        "auth_index": index,
        "model": "claude-opus-4-5",
        "status": 401,
        "body": '{"error":{"message":"token sk-ant-api03-verysecret revoked"}}',
    }
    httpx.post(f"{simulator.url}/__control/results", json=fault).raise_for_status()
    page = as_user(ada).get(f"{LIST}?q=carol").content.decode()
    assert "unauthorized" in page or "revoked" in page
    assert "verysecret" not in page


def test_owner_switches_and_edits_the_account(upstream, client, as_user, bob):
    own(upstream, bob)
    browser = as_user(bob)
    assert "is disabled" in post(browser, "switch", disabled="true")
    assert listed(client).health(None) == Health.DISABLED
    assert "is enabled" in post(browser, "switch", disabled="false")
    page = browser.post(
        PAGE, {"note": "spare", "priority": "5", "weight": "", "prefix": "team"}, follow=True
    ).content.decode()
    assert "Saved." in page
    assert 'value="spare"' in page
    content = auth_file_client.auth_file_content(client, FILE)
    assert (content["note"], content["priority"], content["prefix"]) == ("spare", 5, "team")
    assert content["access_token"]
    browser.post(PAGE, {"note": "", "priority": "", "weight": "", "prefix": "team"})
    assert not auth_file_client.auth_file_content(client, FILE).get("note")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prefix", "a/b"),
        ("note", "x" * 501),
        ("weight", "2000000"),
        ("priority", "high"),
        ("note", "a\x07b"),
    ],
)
def test_bad_field_is_named_and_nothing_is_sent(upstream, client, as_user, bob, field, value):
    own(upstream, bob)
    response = as_user(bob).post(
        PAGE, {"note": "", "priority": "", "weight": "", "prefix": "", field: value}
    )
    assert response.status_code == 400
    assert "field-error" in response.content.decode()
    assert not Intent.objects.exists()


def test_stranger_cannot_touch_an_account(upstream, client, as_user, bob):
    own(upstream, make_user("carol"))
    browser = as_user(bob)
    assert browser.get(PAGE).status_code == 404
    for action, fields in (("switch", {"disabled": "true"}), ("delete", {}), ("reset", {})):
        assert "not yours" in post(browser, action, **fields)
    for action in ("download", "grant"):
        assert browser.post(f"{LIST}{action}/", {"name": FILE}).status_code == 403
    assert listed(client).health(None) == Health.ACTIVE
    assert not Intent.objects.exists()


def test_uploaded_account_belongs_to_its_uploader(upstream, client, as_user, bob):
    page = send_file(as_user(bob), "codex-new.json", account_file())
    assert "connected and yours" in page
    assert "secret-token" not in page
    assert listed(client, "codex-new.json").email == "new@example.com"
    assert Account.objects.get(name="codex-new.json").owner == bob
    assert b"secret-token" not in bytes(Intent.objects.get().change_encrypted)


@pytest.mark.parametrize(
    ("name", "content", "reported"),
    [
        ("a.json", b"not json", "not JSON"),
        ("a.json", b"[1]", "must be an object"),
        ("a.json", b'"x"', "must be an object"),
        ("a.json", b'{"a": 1,\n"b": "\xe9"}', "line 2 is not UTF-8"),
        ("a.json", account_file().decode().encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("a.json", account_file().decode().encode("utf-16-be"), "UTF-16 text; save it as UTF-8"),
        ("a.json", account_file(weight=float("nan")), "not JSON"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.json", account_file(pad="x" * 5_000_000), "larger than"),
        ("a.txt", account_file(), "must end in .json"),
        ("../a.json", account_file(), "no path"),
        ("a\\b.json", account_file(), "no path"),
        (".json", account_file(), "must end in"),
        ("x" * 300 + ".json", account_file(), "at most"),
        ("a.json", account_file(type="gmail"), "must be one of"),
        ("a.json", b'{"type": 1}', "must be one of"),
        ("a.json", b'{"type": "claude"}', "none of"),
    ],
)
def test_useless_file_is_refused_with_its_reason(name, content, reported):
    with pytest.raises(ChangeRefused, match=reported) as caught:
        checked_upload(name, content)
    assert caught.value.field == "file"


def test_file_of_a_windows_editor_is_uploaded_without_its_mark(upstream, client, as_user, bob):
    content = account_file()
    page = send_file(as_user(bob), "codex-new.json", codecs.BOM_UTF8 + content)
    assert "connected and yours" in page
    assert auth_file_client.download_auth_file(client, "codex-new.json") == content


def test_upload_never_replaces_a_file(upstream, client, as_user, bob):
    before = auth_file_client.download_auth_file(client, FILE)
    for name in (FILE, FILE.upper().replace(".JSON", ".json")):
        assert "exists upstream" in send_file(as_user(bob), name, account_file())
    assert auth_file_client.download_auth_file(client, FILE) == before
    assert not Account.objects.filter(owner=bob).exists()


def test_file_that_appeared_meanwhile_is_not_replaced(upstream, client, monkeypatch, bob):
    from providers.accounts import actions as account_actions

    auth_file_client.upload_auth_file(
        client, "codex-new.json", account_file(email="first@example.com")
    )
    present = auth_file_client.list_auth_files
    monkeypatch.setattr(
        account_actions.auth_file_client,
        "list_auth_files",
        lambda c, name="": present(c, name) if name else [],
    )
    intent = account_actions.upload(upstream, bob, "codex-new.json", account_file())
    assert intent.state == Intent.State.FAILED
    assert listed(client, "codex-new.json").email == "first@example.com"


def test_second_file_of_an_account_needs_a_word(upstream, client, as_user, bob):
    browser, copy = as_user(bob), account_file(email="carol@example.com", type="claude")
    page = send_file(browser, "copy.json", copy)
    assert "connected already" in page
    assert FILE not in page
    assert listed(client, "copy.json") is None
    send_file(browser, "copy.json", copy, twin_accepted="on")
    assert listed(client, "copy.json") is not None


def test_deleted_account_is_gone_with_its_owner(upstream, client, as_user, bob):
    own(upstream, bob)
    assert "is deleted" in post(as_user(bob), "delete")
    assert listed(client) is None
    assert not Account.objects.exists()


def test_account_that_is_gone_already_can_be_deleted(upstream, client, as_user, bob):
    own(upstream, bob)
    auth_file_client.delete_auth_file(client, FILE)
    assert "is deleted" in post(as_user(bob), "delete")
    assert not Account.objects.exists()


def test_download_is_for_staff_and_audited(upstream, as_user, ada):
    response = as_user(ada).post(f"{LIST}download/", {"name": FILE})
    assert json.loads(response.content)["email"] == "carol@example.com"
    assert "no-store" in response.headers["Cache-Control"]
    entry = AuditEntry.objects.get(action="account.downloaded")
    assert (entry.target, entry.outcome) == (FILE, "succeeded")


def test_staff_grant_an_account_and_end_what_was_unclear(upstream, as_user, ada, bob):
    login = begin(upstream, bob, "s", "anthropic")
    AccountLogin.objects.filter(pk=login.pk).update(
        status="unclear", account_name=FILE, settled_at=login.started_at
    )
    assert "belongs to bob" in post(as_user(ada), "grant", owner=bob.pk)
    login.refresh_from_db()
    assert (Account.objects.get().owner, login.status) == (bob, "connected")
    assert AuditEntry.objects.get(action="account.granted").detail == {"owner_name": "bob"}


def test_nothing_can_be_granted_that_is_not_there(upstream, as_user, ada, bob):
    assert "no such account" in post(as_user(ada), "grant", name="nope.json", owner=bob.pk)
    assert not Account.objects.exists()


def test_login_page_belongs_to_its_session(upstream, as_user, bob):
    browser = as_user(bob)
    response = browser.post(f"{LIST}connect/", {"flow": "anthropic"})
    path = response.url
    page = browser.get(path).content.decode()
    assert "https://claude.ai/oauth/authorize" in page
    assert as_user(bob).get(path).status_code == 404
    assert as_user(make_user("eve", staff=True)).post(f"{path}cancel/").status_code == 404
    browser.post(f"{path}cancel/")
    region = browser.get(path, headers={"HX-Request": "true"}).content.decode()
    assert "data-poll" not in region
    assert "cancelled" in region


def test_bad_paste_is_reported_on_the_login_page(upstream, as_user, bob):
    browser = as_user(bob)
    path = browser.post(f"{LIST}connect/", {"flow": "codex"}).url
    assert (
        "belongs to another login"
        in browser.post(
            f"{path}deliver/",
            {"callback": "http://localhost:1455/auth/callback?code=a&state=b"},
            follow=True,
        ).content.decode()
    )


def test_long_list_comes_in_pages(upstream, as_user, ada, monkeypatch):
    from providers.web import listing

    monkeypatch.setattr(listing, "ROWS_A_PAGE", 4)
    pages = [as_user(ada).get(f"{LIST}?page={number}").content.decode() for number in (1, 2, 3)]
    names = [name for page in pages for name in ("ivan@", "alice@", "dana@") if f">{name}" in page]
    assert names == ["ivan@", "alice@", "dana@"]
    assert as_user(ada).get(f"{LIST}?page=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("account", ["alice@", "carol@", "ivan@"]),
        ("-account", ["ivan@", "carol@", "alice@"]),
        ("priority", ["ivan@", "carol@", "alice@"]),
        ("-priority", ["carol@", "ivan@", "alice@"]),
    ],
)
def test_list_is_sorted_by_the_server_and_unknown_comes_last(
    upstream, client, as_user, ada, sort, names
):
    priorities = {FILE: 9, "antigravity-ivan@example.com.json": 2}
    for entry in auth_file_client.list_auth_files(client):
        if (priority := priorities.get(entry["name"])) is not None:
            auth_file_client.set_auth_file_fields(client, entry["name"], {"priority": priority})
    page = as_user(ada).get(f"{LIST}?sort={sort}").content.decode()
    assert sorted(names, key=lambda name: page.index(f">{name}")) == names
    assert f'aria-sort="{"descending" if sort[0] == "-" else "ascending"}"' in page


def test_list_that_did_not_change_is_304_and_a_changed_one_is_sent(upstream, client, as_user, ada):
    browser = as_user(ada)
    browser.get(LIST)
    polled = {"HX-Request": "true"}
    tag = browser.get(LIST, headers=polled).headers["ETag"]
    assert browser.get(LIST, headers={**polled, "If-None-Match": tag}).status_code == 304
    auth_file_client.set_auth_file_fields(client, FILE, {"note": "spare"})
    changed = browser.get(LIST, headers={**polled, "If-None-Match": tag})
    assert (changed.status_code, b"spare" in changed.content) == (200, True)


def test_list_queries_the_database_little(upstream, as_user, ada, django_assert_max_num_queries):
    browser = as_user(ada)
    browser.get(LIST)
    with django_assert_max_num_queries(9):
        browser.get(LIST)


RECORDED = [
    x
    for x in recordings_in("management.jsonl")["management.jsonl"]
    if x.path.split("?")[0].endswith("/auth-files") and x.method == "GET"
]


def test_recorded_entries_are_read_whole():
    files = [
        auth_file_of(entry)
        for exchange in RECORDED
        for entry in json.loads(exchange.body).get("files", [])
    ]
    assert files
    for file in files:
        assert file.name
        assert len(file.recent.slots) == 20
        assert file.provider_label != file.provider
        assert len(file.reason) <= 240
        assert file.other == {}


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {
            "name": 1,
            "recent_requests": "x",
            "success": "3",
            "id_token": [],
            "next_retry_after": "soon",
        },
        {"recent_requests": [1, {}], "priority": True},
    ],
)
def test_strange_entry_is_read_without_breaking(entry):
    assert auth_file_of(entry).success == 0
