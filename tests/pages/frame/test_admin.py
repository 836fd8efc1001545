"""The admin: what may be changed there, what may only be looked at, and what is never shown."""

import pytest

from management_proxy.models import Access, Upstream
from monitoring import leases
from monitoring.models import Lease
from providers.models import ClientKey
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import CollectorRun, DeadLetter

pytestmark = pytest.mark.django_db
UPSTREAMS = "/admin/management_proxy/upstream/"


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def act(client, action, upstream):
    return client.post(UPSTREAMS, {"action": action, "_selected_action": [upstream.pk]})


def test_upstream_is_paused_and_resumed(staff):
    upstream = make_upstream()
    act(staff, "pause", upstream)
    assert not Upstream.objects.get().is_enabled
    act(staff, "resume", upstream)
    assert Upstream.objects.get().is_enabled


def test_callers_are_let_in_again_after_a_rejected_key(staff):
    act(staff, "let_callers_in", make_upstream(access=Access.KEY_REJECTED, access_detail="401"))
    assert Upstream.objects.get().access == Access.OPEN


def test_key_is_kept_when_left_empty_and_replaced_when_given(staff):
    upstream = make_upstream()
    form = {"name": upstream.name, "management_url": upstream.management_url, "is_enabled": "on"}
    staff.post(f"{UPSTREAMS}{upstream.pk}/change/", {**form, "management_key": ""})
    assert Upstream.objects.get().stored_key == "management-key"
    staff.post(f"{UPSTREAMS}{upstream.pk}/change/", {**form, "management_key": "another-key"})
    assert Upstream.objects.get().stored_key == "another-key"


def test_stored_key_is_not_sent_to_a_new_address(staff):
    upstream = make_upstream()
    page, form = (
        f"{UPSTREAMS}{upstream.pk}/change/",
        {
            "name": upstream.name,
            "is_enabled": "on",
            "management_url": "http://elsewhere.test/v0/management",
        },
    )
    assert (
        "Enter the key again" in staff.post(page, {**form, "management_key": ""}).content.decode()
    )
    assert Upstream.objects.get().management_url == upstream.management_url
    staff.post(page, {**form, "management_key": "its-own-key"})
    moved = Upstream.objects.get()
    assert (moved.management_url, moved.stored_key) == (
        "http://elsewhere.test/v0/management",
        "its-own-key",
    )


def test_upstream_of_the_environment_keeps_address_and_key(staff):
    upstream = Upstream.objects.create(
        name="default", management_url="http://127.0.0.1:1/v0/management", from_environment=True
    )
    page = f"{UPSTREAMS}{upstream.pk}/change/"
    shown = staff.get(page).content.decode()
    assert 'name="management_url"' not in shown
    assert 'name="management_key"' not in shown
    staff.post(
        page,
        {
            "name": "default",
            "is_enabled": "on",
            "management_url": "http://evil.test/",
            "management_key": "planted",
        },
    )
    upstream.refresh_from_db()
    assert upstream.management_url == "http://127.0.0.1:1/v0/management"
    assert upstream.stored_key == ""


@pytest.mark.parametrize(
    "path",
    [
        UPSTREAMS,
        "/admin/monitoring/lease/",
        "/admin/usage/collectorrun/",
        "/admin/usage/deadletter/",
        "/admin/providers/clientkey/",
    ],
)
def test_nothing_with_a_history_can_be_deleted(staff, path):
    assert "delete_selected" not in staff.get(path).content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/admin/monitoring/lease/",
        "/admin/usage/collectorrun/",
        "/admin/usage/deadletter/",
        "/admin/providers/clientkey/",
        "/admin/providers/credential/",
    ],
)
def test_what_the_collector_writes_cannot_be_added(staff, path):
    assert staff.get(f"{path}add/").status_code == 403


def test_lease_cannot_be_edited(staff):
    leases.acquire("collect:1", 30)
    before = Lease.objects.values().get()
    staff.post(
        "/admin/monitoring/lease/collect_3A1/change/",
        {"token": "99", "holder": "me", "expires_at_0": "2099-01-01", "expires_at_1": "00:00"},
    )
    assert Lease.objects.values().get() == before


def test_run_is_shown_but_not_changed(staff):
    run = CollectorRun.objects.create(
        upstream=make_upstream(),
        trigger="loop",
        holder="h",
        token=1,
        started_at="2026-11-24T00:00:00Z",
    )
    page = f"/admin/usage/collectorrun/{run.pk}/change/"
    assert staff.get(page).status_code == 200
    assert staff.post(page, {"status": "succeeded"}).status_code == 403


def test_dead_letter_never_shows_its_payload(staff):
    store(make_upstream(), make_event(timestamp="no instant", api_key="sk-very-secret"))
    letter = DeadLetter.objects.get()
    for path in ("/admin/usage/deadletter/", f"/admin/usage/deadletter/{letter.pk}/change/"):
        page = staff.get(path).content.decode()
        assert "sk-very-secret" not in page
        assert "payload_encrypted" not in page


def test_client_key_is_named_and_given_an_owner(staff):
    key, bob = make_client_key(make_upstream(), "sk-bobs-key-2222"), make_user("bob")
    page = f"/admin/providers/clientkey/{key.pk}/change/"
    assert "digest" not in staff.get(page).content.decode()
    staff.post(page, {"name": "Bob's laptop", "owner": bob.pk, "digest": "x"})
    changed = ClientKey.objects.get()
    assert (changed.name, changed.owner) == ("Bob's laptop", bob)
    assert bytes(changed.digest) == bytes(key.digest)


def test_push_is_chosen_in_the_admin_unless_the_version_cannot(staff):
    new, old = make_upstream(version="7.2.140"), make_upstream(version="6.10.8")
    for upstream in (new, old):
        form = {
            "name": upstream.name,
            "management_url": upstream.management_url,
            "is_enabled": "on",
            "management_key": "",
            "collection_mode": "push",
        }
        page = staff.post(f"{UPSTREAMS}{upstream.pk}/change/", form)
    assert "push needs 7.0.7 or newer" in page.content.decode()
    assert list(Upstream.objects.filter(collection_mode="push")) == [new]
