"""The audit trail as staff see it: filtered, paged, exported; and what the admin and the login add
to it."""

import csv
import json

import pytest
from django.contrib.auth.models import User

from management_proxy.models import Access
from monitoring import leases
from monitoring.audit import trail
from monitoring.audit.queries import EXPORT_CHUNK, words
from monitoring.models import AuditEntry
from tests.factories import make_upstream, make_user

pytestmark = pytest.mark.django_db
TRAIL = "/monitoring/audit/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def an_entry(action="client_key.revoked", target="laptop", **fields):
    return trail.record(
        None, action, target, **{"outcome": "succeeded", "actor_name": "carol", **fields}
    )


def shown(client, query=""):
    response = client.get(f"{TRAIL}?{query}")
    assert response.status_code == 200
    return [entry.target for entry in response.context["page"].entries]


@pytest.mark.parametrize(
    "path", [TRAIL, f"{TRAIL}1/", f"{TRAIL}export.csv", f"{TRAIL}export.jsonl"]
)
def test_trail_is_for_staff(client, path):
    assert client.get(path).status_code == 302
    client.force_login(make_user("bob"))
    assert client.get(path).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "actor=dave",
        "action=upstream.paused",
        "action=upstream.",
        "upstream=east",
        "outcome=failed",
        "q=WANT",
        "q=needle",
        "q=10.9.9.9",
        "first=2000-01-01&actor=dave",
        "last=2099-01-01&actor=dave",
    ],
)
def test_filter_lets_through_what_was_requested(staff, query):
    an_entry()
    an_entry(
        "upstream.paused",
        "wanted",
        actor_name="dave",
        upstream="east",
        outcome="failed",
        detail={"note": "a needle"},
        source_ip="10.9.9.9",
    )
    assert shown(staff, query) == ["wanted"]


@pytest.mark.parametrize(
    "query",
    ["first=2099-01-01", "last=2000-01-01", "actor=nobody", "q=%00", "q=%25", "action=client_key"],
)
def test_filter_that_fits_nothing_says_so(staff, query):
    an_entry()
    assert shown(staff, query.replace("%00", "x%25y")) == []
    assert "No entry matches" in staff.get(f"{TRAIL}?{query.replace('%00', 'x')}").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=0",
        "before=99999999999999999999",
        "outcome=perhaps",
        "first=yesterday",
        "first=2026-02-02&last=2026-02-01",
    ],
)
def test_nonsense_is_named(staff, query):
    response = staff.get(f"{TRAIL}?{query}")
    assert response.status_code == 400
    assert query.split("=")[0] in response.content.decode()


def test_pages_hold_every_entry_once_while_new_ones_are_written(staff):
    targets = [an_entry(target=f"t{n}").target for n in range(120)]
    seen, before = [], ""
    while True:
        page = staff.get(f"{TRAIL}?action=client_key.revoked{before}").context["page"]
        seen += [entry.target for entry in page.entries]
        if page.before is None:
            break
        before = f"&before={page.before}"
        an_entry(target="new")
    assert seen == targets[::-1]


def test_words_to_filter_by_are_the_different_ones():
    for action in ("b.c", "a.b", "b.c"):
        an_entry(action)
    assert words("action") == ["a.b", "b.c"]
    assert words("upstream") == []


def test_export_is_complete_and_of_both_forms(staff, monkeypatch):
    monkeypatch.setattr("monitoring.audit.queries.EXPORT_CHUNK", 7)
    for n in range(20):
        an_entry(target=f"t{n}", detail={"n": n})
    query = "?action=client_key.revoked"
    lines = b"".join(staff.get(f"{TRAIL}export.jsonl{query}")).decode().splitlines()
    assert [json.loads(line)["detail"]["n"] for line in lines] == list(range(19, -1, -1))
    response = staff.get(f"{TRAIL}export.csv{query}")
    rows = list(csv.DictReader(b"".join(response).decode().splitlines()))
    assert [row["target"] for row in rows] == [f"t{n}" for n in range(19, -1, -1)]
    assert "attachment" in response.headers["Content-Disposition"]
    assert AuditEntry.objects.filter(action="audit.exported", actor="ada").count() == 2
    assert EXPORT_CHUNK > 7


def test_no_cell_of_the_export_is_a_formula(staff):
    an_entry(target='=HYPERLINK("http://evil")')
    assert "\"'=HYPERLINK" in b"".join(staff.get(f"{TRAIL}export.csv")).decode()


def test_entry_is_shown_with_its_detail_and_stays_text(staff):
    entry = an_entry(target="<script>alert(1)</script>", detail={"fields": ["name"], "note": "<b>"})
    page = staff.get(f"{TRAIL}{entry.pk}/").content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert staff.get(f"{TRAIL}999999999/").status_code == 404


def test_acts_in_the_admin_are_written_down(staff):
    upstream = make_upstream(name="east", access=Access.KEY_REJECTED)
    for action in ("pause", "resume", "let_callers_in"):
        staff.post(
            "/admin/management_proxy/upstream/",
            {"action": action, "_selected_action": [upstream.pk]},
        )
    form = {
        "name": "east",
        "management_url": upstream.management_url,
        "is_enabled": "on",
        "management_key": "a-new-secret-key",
    }
    staff.post(f"/admin/management_proxy/upstream/{upstream.pk}/change/", form)
    staff.post("/admin/management_proxy/upstream/add/", {**form, "name": "west"})
    leases.acquire("collect:1", 30)
    staff.post(
        "/admin/monitoring/lease/",
        {"action": "release_by_force", "_selected_action": ["collect:1"], "confirmed": "yes"},
    )
    written = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    expected = [
        "upstream.paused",
        "upstream.resumed",
        "upstream.callers_let_in",
        "admin.upstream.changed",
        "admin.upstream.added",
        "admin.lease.changed",
    ]
    assert written == expected
    assert set(AuditEntry.objects.values_list("actor", "via")) == {("ada", "session")}
    assert "a-new-secret-key" not in str(list(AuditEntry.objects.values()))


def test_deletion_of_a_user_in_the_admin_is_written_down(staff):
    bob = make_user("bob")
    staff.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="bob").exists()
    assert AuditEntry.objects.get(action="admin.user.deleted").target == "bob"
    assert "delete_selected" not in staff.get("/admin/auth/user/").content.decode()


def test_signing_in_and_out_and_failing_to_are_written_down(client):
    make_user("ada")
    client.post("/login/", {"username": "ada", "password": "wrong"})
    client.post("/login/", {"username": "my-password-by-mistake", "password": "x"})
    client.post("/login/", {"username": "ada", "password": "correct horse"})
    client.post("/logout/")
    written = list(AuditEntry.objects.order_by("id").values_list("action", "target", "outcome"))
    assert written == [
        ("user.sign_in_failed", "ada", "refused"),
        ("user.sign_in_failed", "an unknown name", "refused"),
        ("user.signed_in", "ada", "succeeded"),
        ("user.signed_out", "ada", "succeeded"),
    ]


def test_entries_are_viewed_in_the_admin_only(staff):
    entry = an_entry()
    page = f"/admin/monitoring/auditentry/{entry.pk}/change/"
    assert staff.get(page).status_code == 200
    assert staff.post(page, {"actor": "somebody else"}).status_code == 403
