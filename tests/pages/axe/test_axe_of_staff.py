"""No page of staff has a finding of axe; apart from the others, so that both walks run at once."""

from tests.pages.axe.test_axe import (
    BOTH,
    MORE_PAGES,
    WIDE,
    ada,  # noqa: F401
    details,
    everything,  # noqa: F401
    findings,
    foreign,  # noqa: F401
    pages,
    pytestmark,  # noqa: F401
    simulator,  # noqa: F401
    upstream,  # noqa: F401
    visit,  # noqa: F401
)


def test_pages_of_staff(visit, everything, ada):  # noqa: F811
    page, client = visit(ada, viewport=WIDE)
    assert findings(page, [*pages(client), *details(), *MORE_PAGES], themes=BOTH) == []
