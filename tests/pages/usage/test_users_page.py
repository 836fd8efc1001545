"""In a browser: inviting a user, who joins; disabling, which ends the session; the first steps."""

import re

from tests.factories import make_user
from tests.pages.axe.checking import DESK, PHONE, findings
from tests.pages.axe.test_others import pytestmark  # noqa: F401
from tests.pages.world import signed_in


def test_invite_join_disable_and_the_first_steps(visit):
    staff = visit(signed_in(make_user("ada", staff=True)), viewport=DESK)
    staff.goto("/")
    staff.get_by_role("link", name="Invite people").click()
    staff.get_by_label("Name").fill("bob")
    staff.get_by_role("button", name="Make the link").click()
    link = staff.locator("#new-link").inner_text()
    user_page = re.sub(r"invite/$", "", staff.url)
    guest = visit(viewport=PHONE)
    assert findings(guest, [link]) == []
    guest.get_by_label("New password", exact=True).fill("battery staple 9")
    guest.get_by_label("New password confirmation").fill("battery staple 9")
    guest.get_by_role("button", name="Set password and sign in").click()
    guest.get_by_role("heading", name="Overview").wait_for()
    staff.goto(user_page)
    with staff.expect_navigation():
        staff.get_by_role("link", name="bob").click()
    assert findings(staff, [staff.url, f"{staff.url}hand-over/", "/users/"]) == []
    staff.get_by_role("link", name="bob").click()
    staff.get_by_text("Disable…").click()
    staff.get_by_role("button", name="Yes, disable this user").click()
    staff.get_by_text("sessions and personal tokens have ended").wait_for()
    guest.goto("/usage/")
    guest.get_by_role("button", name="Sign in").wait_for()
