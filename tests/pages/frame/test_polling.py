"""static/js/polling in a real browser: a hidden tab sends nothing, failures are polled less often,
one tab requests for all, and nothing is shown twice."""

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import django_htmx
import pytest
from playwright.sync_api import Error

from tests.browser import CHROMIUM, REQUIRED

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium found"),
]
SCRIPTS = Path(__file__).parents[3] / "static/js/polling"
HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
PAGE = """<!doctype html><html lang="en"><title>page</title><body data-user="1">
<script src="/htmx.js"></script><script src="/main.js" type="module"></script>
<form method="post"><input type="text" name="typed"></form>
<p id="poll-notice" data-failing="No response." data-broken="Error, request {{id}}."
 data-retry="{{age}} old, retrying in {{wait}}."
 data-retry-now="retrying now" data-stopped="Updates have stopped." data-signed-out="Signed out."
 data-sign-in="Sign in" hidden><span></span><span></span></p>
{region}<time data-live="as-of">never</time>"""
REGION = """<div id="region" data-part="{tag}" data-poll="{interval}" data-poll-url="/region">
<details><summary>more</summary>{text}</details></div>"""
HIDE = """hidden => {
const value = hidden ? 'hidden' : 'visible';
Object.defineProperty(document, 'visibilityState', {value, configurable: true});
document.dispatchEvent(new Event('visibilitychange')); }"""
# All that the notice showed, one after the other.
NOTE_TEXTS = """document.addEventListener('DOMContentLoaded', () => {
const notice = document.getElementById('poll-notice');
window.noted = [];
const note = () => window.noted.push(notice.textContent);
new MutationObserver(note).observe(notice, {childList: true, subtree: true}); })"""
POLL_NOW = "document.dispatchEvent(new Event('poll:now'))"
SHOWN = "document.querySelector('details').textContent.includes('%s')"


class Site(ThreadingHTTPServer):
    """A page with one polled region that shows `text`; `answers` are what the region's requests
    get, the last one for ever: (0, {}) is the region or 304."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.interval, self.answers, self.delay, self.text = 0.2, [(0, {})], 0.0, "old"
        self.polls: list[float] = []
        self.statuses: list[int] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def region(self) -> str:
        return REGION.format(tag=f"tag-{self.text}", interval=self.interval, text=self.text)


class Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/region":
            return self.poll()
        if path.endswith(".js"):
            script = HTMX if path == "/htmx.js" else SCRIPTS / path[1:]
            return self.answer(200, script.read_text(), {"Content-Type": "text/javascript"})
        page = PAGE.format(region=self.server.region) if path == "/" else "signing in"
        return self.answer(200, page, {"Content-Type": "text/html"})

    def poll(self) -> None:
        site = self.server
        with site.lock:
            site.polls.append(time.monotonic())
            site.at_once += 1
            site.most_at_once = max(site.most_at_once, site.at_once)
            status, headers = site.answers.pop(0) if len(site.answers) > 1 else site.answers[0]
        time.sleep(site.delay)
        with site.lock:
            site.at_once -= 1
        etag = f'"region:tag-{site.text}"'
        if not status:
            status = 304 if self.headers["If-None-Match"] == etag else 200
            headers = {"ETag": etag, "Tollgate-Live": '{"as-of":["now"]}', **headers}
        site.statuses.append(status)
        body = site.region if status == 200 else ""
        return self.answer(status, body, {"Content-Type": "text/html", **headers})

    def answer(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
    thread.join()


@pytest.fixture
def context(browser):
    """Tabs of one browser."""
    context = browser.new_context()
    yield context
    context.close()


def open_page(context, site, path="/"):
    page = context.new_page()
    page.goto(site.url + path)
    return page


def wait_for_polls(page, site, count: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while len(site.polls) < count:
        assert time.monotonic() < deadline, f"{len(site.polls)} polls"
        page.wait_for_timeout(20)


def test_changed_region_is_replaced_and_stays_open(context, site):
    page = open_page(context, site)
    page.evaluate("document.querySelector('details').open = true")
    site.text = "new"
    page.wait_for_function(SHOWN % "new")
    assert page.evaluate("document.querySelector('details').open")


def test_unchanged_region_is_not_sent_but_its_clock_moves(context, site):
    page = open_page(context, site)
    page.evaluate("document.getElementById('region').mine = true")
    wait_for_polls(page, site, 3)
    page.wait_for_function("document.querySelector('[data-live]').textContent == 'now'")
    assert set(site.statuses) == {304}
    assert page.evaluate("document.getElementById('region').mine")


def test_selected_text_is_left_alone_and_replaced_afterwards(context, site):
    page = open_page(context, site)
    page.evaluate(
        "document.querySelector('details').open = true;"
        " document.getSelection().selectAllChildren(document.getElementById('region'))"
    )
    site.text = "new"
    wait_for_polls(page, site, 3)
    assert page.evaluate(SHOWN % "old")
    page.evaluate("document.getSelection().removeAllRanges()")
    page.wait_for_function(SHOWN % "new")


def test_hidden_tab_sends_nothing_and_returning_polls_at_once(context, site):
    page = open_page(context, site)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    wait_for_polls(page, site, 1)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(300)
    before = len(sent)
    page.wait_for_timeout(1500)
    assert len(sent) == before
    # What waited for an interval would be noticed.
    page.evaluate("document.getElementById('region').dataset.poll = 60")
    polls = len(site.polls)
    page.evaluate(HIDE, False)
    wait_for_polls(page, site, polls + 1)


def test_never_two_requests_at_once(context, site):
    site.delay = 0.8
    page = open_page(context, site)
    wait_for_polls(page, site, 1)
    page.evaluate(POLL_NOW)
    wait_for_polls(page, site, 3)
    assert site.most_at_once == 1


def test_ten_tabs_poll_as_one_and_show_the_same(context, site):
    site.interval = 0.5
    tabs = [open_page(context, site) for _ in range(10)]
    site.text, site.polls = "new", []
    started = time.monotonic()
    for tab in tabs:
        tab.wait_for_function(SHOWN % "new")
    site.polls = []
    wait_for_polls(tabs[0], site, 4)
    # Ten would have polled forty times.
    assert len(site.polls) <= 2 * (time.monotonic() - started) / site.interval


def test_hidden_leader_hands_over_and_a_crashed_one_is_replaced(context, site):
    leader, second, third = (open_page(context, site) for _ in range(3))
    wait_for_polls(leader, site, 2)
    leader.evaluate(HIDE, True)
    site.text = "handed over"
    second.wait_for_function(SHOWN % "handed over")
    third.wait_for_function(SHOWN % "handed over")
    assert leader.evaluate(SHOWN % "old")
    with pytest.raises(Error, match="crash"):
        second.goto("chrome://crash")
    site.text = "replaced"
    third.wait_for_function(SHOWN % "replaced")


def test_tab_that_polls_by_itself_shares_what_came(context, site):
    site.interval = 60
    tabs = [open_page(context, site) for _ in range(2)]
    site.text = "new"
    tabs[1].evaluate(POLL_NOW)
    for tab in tabs:
        tab.wait_for_function(SHOWN % "new")
    assert len(site.polls) == 1


def test_failures_are_polled_less_and_less_often(context, site):
    site.interval, site.answers = 0.5, [(500, {})]
    page = open_page(context, site)
    wait_for_polls(page, site, 4, seconds=60)
    gaps = [later - earlier for earlier, later in zip(site.polls, site.polls[1:], strict=False)]
    # A busy machine makes a gap longer, never shorter.
    assert [gap > 0.99 * least for gap, least in zip(gaps, (1, 2, 4), strict=False)] == [True] * 3


def test_retry_after_is_honoured_and_counted_down(context, site):
    site.answers = [(503, {"Retry-After": "3"}), (0, {})]
    context.add_init_script(NOTE_TEXTS)
    page = open_page(context, site)
    page.get_by_text("No response.").wait_for()
    wait_for_polls(page, site, 2)
    assert site.polls[1] - site.polls[0] > 2.5
    page.get_by_text("No response.").wait_for(state="hidden")
    first, *later = re.findall(r"retrying in (\d) sec\.", " ".join(page.evaluate("window.noted")))
    assert first == "3"
    assert {"1", "2"} & set(later)  # each is there for a second, and a busy browser may miss one


def test_reported_error_is_shown_with_the_id_of_its_request(context, site):
    site.answers = [(500, {"X-Request-Id": "5eed"})]
    page = open_page(context, site)
    page.get_by_text("Error, request 5eed.").wait_for()
    site.answers = [(0, {})]
    page.get_by_text("Error, request 5eed.").wait_for(state="hidden")


@pytest.mark.parametrize("response", [(403, {}), (404, {}), (286, {}), (200, {"HX-Poll": "stop"})])
def test_server_can_request_a_stop(context, site, response):
    site.answers = [response, (0, {})]
    page = open_page(context, site)
    page.get_by_text("Updates have stopped.").wait_for()
    page.wait_for_timeout(800)
    assert len(site.polls) == 1


def test_ended_session_leads_to_sign_in_and_back(context, site):
    tabs = [open_page(context, site, "/?range=30d&key=a") for _ in range(2)]
    site.answers = [(401, {"HX-Redirect": "/login/?next=/"}), (0, {})]
    for tab in tabs:
        tab.get_by_text("signing in").wait_for()
        assert tab.url == f"{site.url}/login/?next=%2F%3Frange%3D30d%26key%3Da"
    assert site.statuses.count(401) == 1
    assert site.statuses[-1] == 401


def test_ended_session_takes_nothing_away_that_was_typed(context, site):
    page = open_page(context, site)
    page.locator("[name=typed]").fill("three lines of a key")
    site.answers = [(401, {"HX-Redirect": "/login/?next=/"}), (0, {})]
    page.get_by_text("Signed out.").wait_for()
    link = page.get_by_role("link", name="Sign in")
    assert link.get_attribute("href") == f"{site.url}/login/?next=%2F"
    assert page.locator("[name=typed]").input_value() == "three lines of a key"
