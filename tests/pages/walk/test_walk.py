"""Every page as each role, in each language, at every width, in both themes, while the upstream is
up, hung or down: the status is as the role's, nothing is wider than the window, no word of another
language is left, no message in the console, no request to elsewhere, and trouble is said once.

The suite opens each page in three ways that together cover all pairs; `make page-matrix` in all."""

import re
from collections.abc import Callable, Iterable
from itertools import combinations

import pytest

from tests.browser import CHROMIUM, REQUIRED
from tests.pages.upstreams import DOWN, HUNG, wait_at_most
from tests.pages.walk.cases import LANGUAGES, ROLES, UPSTREAMS, Case, covering, every
from tests.pages.walk.looking import THEMES, WIDTHS, Looker
from tests.pages.world import STATES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
ILL = {"down": DOWN, "hung": HUNG}
NO_GATEWAY = {502, 503, 504}
# By the beginning of the address.
NOWHERE = {"/no/such/page/": 404, "/join/no-such-link/": 404, "/logout/": 405}
WRONG = {"/usage/?tz=Mars": 400, "/usage/what-if/?as_model=none": 400, "/logs/?level=loud": 400}
STAFF_ONLY = re.compile(
    r"/(?:logs|users|monitoring(?!/runbook/|/documents/)"
    r"|providers/(?:configuration|drift)"
    r"|usage/(?:prices|statements|failures/unknown|budgets/.))"
)
# What belongs to another user does not exist for this one.
OF_OTHERS = re.compile(
    r"/usage/events/\d|/providers/(?:acts/|accounts/(?:connect|account)/"
    r"|client-keys/\d|keys/claude/|custom/provider/\?)"
)


@pytest.fixture
def walk(visit, world, simulator, monkeypatch):
    """A function that opens pages in many ways, and returns what is wrong with them."""
    tabs: dict[tuple[str, str], Looker] = {}

    def looker(case: Case) -> Looker:
        key = (case.role, case.language)
        if key not in tabs:
            page = visit(world.clients[case.role], locale=case.language)
            tabs[key] = Looker(page)
        return tabs[key]

    def walked(ways: Callable[[Iterable[str]], Iterable[Case]]) -> list[str]:
        paths = [*world.addresses("admin"), *world.unlinked["anonymous"], *STATES]
        wrong, present = [], "up"
        for number, case in enumerate(sorted(ways(paths), key=lambda case: case.place)):
            if case.upstream != present:
                simulator.control("faults", method="DELETE")
                simulator.control("faults", ILL[case.upstream])
                wait_at_most(0.1, monkeypatch)
                present = case.upstream
            size, theme = WIDTHS[number % len(WIDTHS)], THEMES[number % len(THEMES)]
            faults = looker(case).faults(case, statuses(case), size, theme)
            wrong += [f"{case}: {fault}" for fault in faults]
        return wrong

    return walked


def statuses(case: Case) -> set[int]:
    """What the response may be."""
    usual = next((code for start, code in NOWHERE.items() if case.path.startswith(start)), 200)
    # Everything else leads a stranger to the login.
    if case.role != "anonymous":
        usual = next((code for start, code in WRONG.items() if case.path.startswith(start)), usual)
    if case.role == "user":
        usual = 403 if STAFF_ONLY.match(case.path) else usual
        usual = 404 if OF_OTHERS.match(case.path) else usual
    return {usual} if case.upstream == "up" else {usual, *NO_GATEWAY}


def test_every_page_in_ways_that_cover_all_pairs(walk):
    wrong = walk(covering)
    assert not wrong, "\n".join(wrong)


@pytest.mark.matrix
@pytest.mark.timeout(0)
def test_every_page_in_every_way(walk):
    wrong = walk(every)
    assert not wrong, "\n".join(wrong)


def test_ways_cover_all_pairs():
    paths = [f"/{number}/" for number in range(9)]
    cases = list(covering(paths))
    values = [(c.path, c.role, c.language, c.upstream) for c in cases]
    for one, other in combinations(range(4), 2):
        domains = (paths, ROLES, LANGUAGES, UPSTREAMS)
        met = {(value[one], value[other]) for value in values}
        assert len(met) == len(domains[one]) * len(domains[other])
