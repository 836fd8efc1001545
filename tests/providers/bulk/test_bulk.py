"""Many accounts in one act: planned, confirmed, carried out, reported; by several at once, and
after a death in the midst."""

import json
import threading

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from management_proxy.client import auth_files as auth_file_client
from monitoring.models import AuditEntry
from providers.accounts.queries import account_rows
from providers.bulk import carrying_out
from providers.bulk.carrying_out import carry_on, confirm, resume
from providers.bulk.kinds import SUBJECTS
from providers.bulk.plans import plan_change
from providers.models import Account, BulkAct, BulkItem, Intent
from tests.factories import make_user
from tests.management_proxy.proxied import request_count

FILE = "claude-carol@example.com.json"
pytestmark = pytest.mark.django_db


def signed_in(user):
    browser = Client()
    browser.force_login(user)
    return browser


def account_file(email, **fields):
    return json.dumps(
        {"type": "claude", "email": email, "refresh_token": "secret-r", **fields}
    ).encode()


def planned(browser, files, **fields):
    sent = [SimpleUploadedFile(name, content) for name, content in files]
    response = browser.post("/providers/acts/upload/", {"file": sent, **fields})
    return BulkAct.objects.get(pk=int(response.url.strip("/").split("/")[-1]))


def verdicts(act):
    return dict(act.items.values_list("name", "verdict"))


def outcome(act):
    done = act.items.filter(intent__state="verified") | act.items.filter(outcome="done")
    return {item.name for item in done}


def test_files_are_judged_shown_and_only_then_uploaded(upstream, client, bob):
    browser = signed_in(bob)
    new = [(f"new-{n}.json", account_file(f"n{n}@example.com")) for n in range(12)]
    bad = [
        ("NEW-1.json", account_file("other@example.com")),
        ("twin.json", account_file("n2@example.com")),
        ("carol.json", account_file("carol@example.com")),
        (FILE, account_file("carol@example.com")),
        ("text.json", b"no json"),
    ]
    act = planned(browser, [*new, *bad])
    assert {name: verdict for name, verdict in verdicts(act).items() if verdict != "new"} == {
        "NEW-1.json": "duplicate",
        "twin.json": "duplicate",
        "carol.json": "duplicate",
        FILE: "duplicate",
        "text.json": "refused",
    }
    page = browser.get(f"/providers/acts/{act.pk}/").content.decode()
    assert "Nothing is done yet. 12 accounts" in page
    assert "not JSON" in page
    assert "secret-r" not in page
    assert not Intent.objects.exists()
    page = browser.post(f"/providers/acts/{act.pk}/confirm/", follow=True).content.decode()
    assert "Finished." in page
    assert "12 done, 0 failed, 0 open" in page
    assert outcome(act) == {name for name, _ in new}
    assert auth_file_client.download_auth_file(client, "new-3.json") == new[3][1]
    assert Account.objects.filter(owner=bob, origin="upload").count() == 12
    assert not any(bytes(item.content_encrypted) for item in act.items.filter(verdict="new"))
    assert AuditEntry.objects.filter(action="account.uploaded", outcome="succeeded").count() == 12


def test_own_file_is_replaced_where_wished_and_keeps_its_owner(upstream, client, ada, bob):
    Account.objects.create(
        upstream=upstream, name=FILE, provider="claude", owner=bob, origin="login"
    )
    content = account_file("carol@example.com", refresh_token="r-new")
    assert verdicts(planned(signed_in(make_user("eve")), [(FILE, content)], replaces="on")) == {
        FILE: "refused"
    }
    act = planned(signed_in(ada), [(FILE, content)], replaces="on")
    assert verdicts(act) == {FILE: "replaces"}
    confirm(act)
    carry_on(act)
    assert auth_file_client.auth_file_content(client, FILE)["refresh_token"] == "r-new"
    assert Account.objects.get(name=FILE).owner == bob


def test_one_refused_file_does_not_keep_the_others_back(upstream, client, ada, simulator):
    act = planned(
        signed_in(ada), [(f"new-{n}.json", account_file(f"n{n}@example.com")) for n in range(5)]
    )
    confirm(act)
    auth_file_client.upload_auth_file(client, "new-2.json", account_file("first@example.com"))
    assert carry_on(act)
    assert outcome(act) == {f"new-{n}.json" for n in (0, 1, 3, 4)}
    assert act.items.get(name="new-2.json").intent.state == "failed"
    assert auth_file_client.auth_file_content(client, "new-2.json")["email"] == "first@example.com"


def cost_of_upload(browser, simulator, files):
    """How many statements and readings it takes to carry out an upload, and those of the list."""
    act = planned(browser, files)
    confirm(act)
    listing = "GET /v0/management/auth-files"
    routes = (listing, f"{listing}/download")
    before = [request_count(simulator, route) for route in routes]
    with CaptureQueriesContext(connection) as statements:
        assert carry_on(act)
    assert outcome(act) == {name for name, _ in files}
    every, single = (request_count(simulator, r) - b for r, b in zip(routes, before, strict=True))
    return len(statements), every, every - single


def test_many_files_take_as_many_statements_as_few_and_no_list(upstream, ada, simulator):
    browser = signed_in(ada)
    few, many = (
        cost_of_upload(
            browser,
            simulator,
            [(f"{count}-{n}.json", account_file(f"{count}-{n}@example.com")) for n in range(count)],
        )
        for count in (3, 30)
    )
    # Each file is read before and after it is written.
    assert few[1:] == (6, 0)
    assert many[1:] == (60, 0)
    assert few[0] == many[0] < 60


def choose(browser, verb, value="", names=(), **more):
    fields = {"verb": verb, "value": value, "name": list(names), **more}
    response = browser.post("/providers/acts/choose/", fields)
    return response, BulkAct.objects.order_by("-pk").first()


@pytest.mark.parametrize(
    ("verb", "value", "field", "expected"),
    [
        ("disable", "", "disabled", True),
        ("priority", "7", "priority", 7),
        ("note", "night shift", "note", "night shift"),
    ],
)
def test_all_that_match_a_search_are_changed(upstream, client, ada, verb, value, field, expected):
    browser = signed_in(ada)
    _, act = choose(browser, verb, value, everything="on", filters="provider=codex&page=2")
    chosen = set(act.items.values_list("name", flat=True))
    assert len(chosen) > 1
    browser.post(f"/providers/acts/{act.pk}/confirm/")
    for entry in auth_file_client.list_auth_files(client):
        assert (entry.get(field) == expected) == (entry["name"] in chosen), entry["name"]
    assert outcome(act) == chosen


def test_chosen_accounts_change_their_owner_or_go(upstream, client, ada, bob):
    browser = signed_in(ada)
    names = [entry["name"] for entry in auth_file_client.list_auth_files(client)][:3]
    _, act = choose(browser, "owner", "bob", names)
    browser.post(f"/providers/acts/{act.pk}/confirm/")
    assert set(Account.objects.filter(owner=bob).values_list("name", flat=True)) == set(names)
    _, act = choose(signed_in(bob), "delete", names=names[:2])
    assert not Intent.objects.filter(kind="account.deleted").exists()
    signed_in(bob).post(f"/providers/acts/{act.pk}/confirm/")
    left = {entry["name"] for entry in auth_file_client.list_auth_files(client)}
    assert left & set(names) == {names[2]}
    assert outcome(act) == set(names[:2])


def test_nobody_reaches_what_is_not_theirs(upstream, client, ada, bob):
    Account.objects.create(
        upstream=upstream, name=FILE, provider="claude", owner=bob, origin="login"
    )
    _, act = choose(signed_in(bob), "delete", everything="on")
    assert set(act.items.values_list("name", flat=True)) == {FILE}
    eve = signed_in(make_user("eve"))
    assert eve.get(f"/providers/acts/{act.pk}/").status_code == 404
    assert eve.post(f"/providers/acts/{act.pk}/confirm/").status_code == 404
    Account.objects.update(owner=ada)
    signed_in(bob).post(f"/providers/acts/{act.pk}/confirm/")
    item = act.items.get()
    assert (item.outcome, item.intent, "not yours" in item.reason) == ("failed", None, True)
    assert choose(signed_in(bob), "owner", "bob", [FILE])[1] == act
    assert auth_file_client.list_auth_files(client, FILE)


@pytest.mark.parametrize(
    ("verb", "value", "reported"),
    [
        ("", "", "Choose what to do"),
        ("upload", "", "Choose what to do"),
        ("priority", "high", "whole number"),
        ("priority", "9" * 12, "at most"),
        ("owner", "no such", "no such user"),
        ("disable", "", "Choose some first"),
    ],
)
def test_bad_choice_is_refused_with_its_reason(upstream, ada, verb, value, reported):
    browser = signed_in(ada)
    names = [] if verb == "disable" else [FILE]
    fields = {"verb": verb, "value": value, "name": names}
    page = browser.post("/providers/acts/choose/", fields, follow=True).content.decode()
    assert reported in page
    assert not BulkAct.objects.exists()


def test_act_of_a_dead_process_is_carried_on(upstream, client, ada, monkeypatch):
    monkeypatch.setattr(carrying_out, "TOGETHER", 3)
    rows = account_rows(upstream, ada)
    act = plan_change(upstream, ada, "account", rows, "disable")
    confirm(act)
    send = SUBJECTS["account"].sender(act)
    first = carrying_out._send_some(act, send, 3)  # and then it died: the rest is not stored
    assert len(first) == 3
    resume(upstream)
    act.refresh_from_db()
    assert act.finished_at
    assert outcome(act) == {row.file.name for row in rows}
    assert Intent.objects.filter(kind="account.switched").count() == len(rows)
    assert all(entry["disabled"] for entry in auth_file_client.list_auth_files(client))


def test_report_names_what_the_upstream_refused(upstream, client, ada, simulator):
    httpx.post(
        f"{simulator.url}/__control/faults",
        json={"kind": "status", "status": 400, "path": "*auth-files/status"},
    ).raise_for_status()
    browser = signed_in(ada)
    _, act = choose(browser, "disable", names=[FILE])
    page = browser.post(f"/providers/acts/{act.pk}/confirm/", follow=True).content.decode()
    assert "0 done, 1 failed, 0 open" in page
    assert "the upstream refused" in page


@pytest.mark.django_db(transaction=True)
def test_two_acts_and_two_carriers_at_once_send_each_item_once(upstream, client, ada, monkeypatch):
    monkeypatch.setattr(carrying_out, "TOGETHER", 2)
    rows = account_rows(upstream, ada)
    acts = [
        plan_change(upstream, ada, "account", rows, "disable"),
        plan_change(upstream, ada, "account", rows, "note", "both"),
    ]
    for act in acts:
        assert confirm(act)
        assert not confirm(act)

    def work(act_id):
        try:
            carry_on(BulkAct.objects.get(pk=act_id))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(act.pk,)) for act in acts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Intent.objects.count() == 2 * len(rows)
    assert not Intent.objects.exclude(state="verified").exists()
    assert not BulkItem.objects.filter(intent=None).exists()
    for entry in auth_file_client.list_auth_files(client):
        assert (entry["disabled"], entry["note"]) == (True, "both")
