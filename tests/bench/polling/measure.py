"""Pages open in a real browser for a while, all at the same time, and what they poll; for the
benchmark and the rollout gate.

Each page has a browser context of its own, so that only the ten tabs share anything. A hidden tab
is one whose document says so before any script runs: headless browsers hide none.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext

from tests.bench.polling.relay import Poll, Relay, relay_to

HIDDEN = "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})"
TABS = 10
UNCHANGED_BYTES = 1024


@dataclass(frozen=True)
class Case:
    """A page, how many polls a minute it may send, in how many tabs of one browser it is open, and
    whether these are hidden."""

    name: str
    path: str
    most_a_minute: float
    tabs: int = 1
    is_hidden: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it is one tab that is seen."""
        return self.tabs == 1 and not self.is_hidden


CASES = (
    Case("Monitoring", "/monitoring/", 13),
    Case("Overview", "/", 5),
    Case("Usage", "/usage/", 5),
    Case("Provider keys", "/providers/keys/", 5),
    Case("Accounts", "/providers/accounts/", 5),
    Case("Management proxy", "/monitoring/proxy/", 7),
    Case("Monitoring, hidden", "/monitoring/", 0, is_hidden=True),
    Case("Usage, hidden", "/usage/", 0, is_hidden=True),
    Case("Overview, hidden", "/", 0, is_hidden=True),
    Case(f"Usage, {TABS} tabs", "/usage/?range=7d", 2 * 5, tabs=TABS),
)


@dataclass(frozen=True)
class Measured:
    """What one case polled: a minute, and the responses; and how many requests it sent beside
    its polls."""

    case: Case
    a_minute: float
    polls: tuple[Poll, ...]
    unmarked: int = 0

    @property
    def largest_unchanged(self) -> int:
        """The bytes on the wire of the largest response to a poll that found nothing new; 0 if
        each found something."""
        return max((poll.response_bytes for poll in self.polls if poll.status == 304), default=0)

    @property
    def broken(self) -> list[str]:
        """The bounds that were not kept, in words."""
        found = []
        if self.a_minute > self.case.most_a_minute:
            most = self.case.most_a_minute
            found.append(f"{self.case.name}: {self.a_minute:.1f} polls a minute, at most {most:g}")
        if self.case.most_a_minute and not self.polls:
            found.append(f"{self.case.name}: no poll at all")
        if self.largest_unchanged > UNCHANGED_BYTES:
            found.append(
                f"{self.case.name}: {self.largest_unchanged} bytes for nothing new,"
                f" at most {UNCHANGED_BYTES}"
            )
        return found


def measure(
    browser: Browser,
    server_url: str,
    sign_in: Callable[[BrowserContext], None],
    seconds: float,
    cases: tuple[Case, ...] = CASES,
) -> list[Measured]:
    """Open every case before the server, wait, and count. `sign_in` signs a context in, whose base
    URL is the relay's."""
    server = urlsplit(server_url)
    with ExitStack() as stack:
        relays = [
            stack.enter_context(relay_to(server.hostname or "", server.port or 80)) for _ in cases
        ]
        contexts = []
        for relay, case in zip(relays, cases, strict=True):
            contexts.append(_open(browser, relay, case, sign_in))
            stack.callback(contexts[-1].close)
        for relay in relays:
            relay.forget()
        started = time.monotonic()
        contexts[0].pages[0].wait_for_timeout(seconds * 1000)
        minutes = (time.monotonic() - started) / 60
        return [
            Measured(case, len(relay.polls) / minutes, tuple(relay.polls), relay.unmarked)
            for case, relay in zip(cases, relays, strict=True)
        ]


def _open(
    browser: Browser, relay: Relay, case: Case, sign_in: Callable[[BrowserContext], None]
) -> BrowserContext:
    context = browser.new_context(base_url=relay.url)
    sign_in(context)
    if case.is_hidden:
        context.add_init_script(HIDDEN)
    for _ in range(case.tabs):
        response = context.new_page().goto(case.path)
        # A page that was not served polls nothing, which would look like one that keeps quiet.
        assert response is not None
        assert response.ok, f"{case.name}: {response.status}"
    return context
