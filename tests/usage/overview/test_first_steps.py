"""The first steps on the Overview: shown to staff until each is done or skipped."""

import pytest

from monitoring.models import AuditEntry
from tests.factories import make_client_key, make_upstream, make_user
from usage.models import SkippedStep

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def words(client) -> str:
    return " ".join(client.get("/").content.decode().split())


def states(client) -> list[str]:
    """The state of each step, in their order; empty where no step is shown."""
    page = words(client)
    if "First steps" not in page:
        return []
    section = page.partition("First steps")[2].partition("</ol>")[0]
    tags = [tag.partition("<")[0].strip() for tag in section.split('<span class="tag">')[1:]]
    assert all(title in section for title in ("Connect your upstream", "Invite people"))
    return tags


def test_each_step_is_ticked_when_it_is_done(staff):
    assert states(staff) == ["to do", "to do", "to do"]
    upstream = make_upstream(is_simulated=True)
    assert states(staff) == ["to do", "to do", "to do"], "a simulated upstream is none"
    make_upstream()
    assert states(staff) == ["done", "to do", "to do"]
    make_client_key(upstream, "sk-client-0001", name="laptop")
    assert states(staff) == ["done", "done", "to do"]
    make_user("bob")
    assert states(staff) == []


def test_steps_are_skipped_one_by_one_or_all(staff):
    for _ in range(2):
        assert staff.post("/first-steps/skip/", {"step": "keys"}).status_code == 302
        assert states(staff) == ["to do", "skipped", "to do"]
    assert staff.post("/first-steps/skip/", {"step": "no such"}).status_code == 404
    assert staff.post("/first-steps/skip/").status_code == 302
    assert states(staff) == []
    assert SkippedStep.objects.count() == 3
    entry = AuditEntry.objects.filter(action="first_steps.skipped").latest("pk")
    assert (entry.actor, entry.target) == ("ada", "upstream, keys, people")


def test_they_are_for_staff_alone(client):
    assert client.post("/first-steps/skip/").status_code == 302
    client.force_login(make_user("bob"))
    assert states(client) == []
    assert client.post("/first-steps/skip/").status_code == 403
    assert client.get("/first-steps/skip/").status_code == 405
    assert not SkippedStep.objects.exists()
