"""No page of staff has a finding of axe; apart from the others, so that both walks run at once."""

import pytest

from tests.browser import CHROMIUM, REQUIRED
from tests.pages.axe.checking import findings
from tests.pages.world import STATES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]


def test_pages_of_staff(visit, world):
    page = visit(world.clients["admin"])
    assert findings(page, [*world.addresses("admin"), *STATES]) == []
