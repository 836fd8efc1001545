"""static/js/polling.js in a real browser: a hidden tab sends nothing, failures are asked less
often, never two at once."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import ARGUMENTS, CHROMIUM, REQUIRED

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium found"),
]
SCRIPT = (Path(__file__).parent.parent.parent / "static/js/polling.js").read_text()
PAGE = """<!doctype html><title>page</title><body>
<div id="region" data-poll="{interval}" data-poll-url="/region">\
<details><summary>more</summary>old</details></div><script src="/polling.js"></script>"""


class Site(ThreadingHTTPServer):
    """A page with one polled region; `answers` says what the region's requests get, the last one
    for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.interval, self.answers, self.delay = 0.2, [(200, {})], 0.0
        self.polls: list[float] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/region":
            return self.answer(
                200,
                PAGE.format(interval=self.server.interval) if self.path == "/" else SCRIPT,
                {},
                "text/html" if self.path == "/" else "text/javascript",
            )
        with self.server.lock:
            self.server.polls.append(time.monotonic())
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            status, headers = (
                self.server.answers.pop(0)
                if len(self.server.answers) > 1
                else self.server.answers[0]
            )
        time.sleep(self.server.delay)
        with self.server.lock:
            self.server.at_once -= 1
        body = (
            f'<div id="region" data-poll="{self.server.interval}"'
            ' data-poll-url="/region"><details><summary>more</summary>new</details></div>'
        )
        return self.answer(status, body, headers, "text/html")

    def answer(self, status: int, body: str, headers: dict[str, str], kind: str) -> None:
        self.send_response(status)
        for name, value in {
            **headers,
            "Content-Type": kind,
            "Content-Length": str(len(body.encode())),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "TOLLGATE_REQUIRE_BROWSER=1, but there is no Chromium"
    with sync_playwright() as playwright:
        # Synchronous Playwright runs a loop in this thread, which Django would take for an
        # asynchronous view.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


HIDE = """hidden => {
const value = hidden ? 'hidden' : 'visible';
Object.defineProperty(document, 'visibilityState', {value, configurable: true});
document.dispatchEvent(new Event('visibilitychange')); }"""


def open_page(browser, site):
    page = browser.new_page()
    page.goto(site.url)
    return page


def wait_for_polls(page, site, count: int, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while len(site.polls) < count:
        assert time.monotonic() < deadline, f"{len(site.polls)} polls"
        page.wait_for_timeout(50)


def test_visible_region_is_refreshed_and_stays_open(browser, site):
    page = open_page(browser, site)
    page.evaluate("document.querySelector('details').open = true")
    wait_for_polls(page, site, 2)
    page.wait_for_function("document.querySelector('details').textContent.includes('new')")
    assert page.evaluate("document.querySelector('details').open")
    page.close()


def test_hidden_tab_sends_nothing_and_returning_polls_at_once(browser, site):
    page = open_page(browser, site)
    wait_for_polls(page, site, 1)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(300)
    before = len(site.polls)
    page.wait_for_timeout(2000)
    assert len(site.polls) == before
    page.evaluate(HIDE, False)
    wait_for_polls(page, site, before + 1, seconds=1)
    page.close()


def test_never_two_requests_at_once(browser, site):
    site.delay = 1.2
    page = open_page(browser, site)
    wait_for_polls(page, site, 3)
    assert site.most_at_once == 1
    page.close()


def test_failures_are_polled_less_and_less_often(browser, site):
    site.interval, site.answers = 0.5, [(500, {})]
    page = open_page(browser, site)
    wait_for_polls(page, site, 4, seconds=20)
    gaps = [later - earlier for earlier, later in zip(site.polls, site.polls[1:], strict=False)]
    assert gaps[1] > gaps[0] * 1.2
    assert gaps[2] > gaps[1] * 1.2
    page.close()


def test_retry_after_is_honoured(browser, site):
    site.answers = [(503, {"Retry-After": "3"}), (200, {})]
    page = open_page(browser, site)
    wait_for_polls(page, site, 2)
    assert site.polls[1] - site.polls[0] > 2.5
    page.close()


@pytest.mark.parametrize(
    "response",
    [(401, {}), (403, {}), (302, {"Location": "/login/"}), (286, {}), (200, {"HX-Poll": "stop"})],
)
def test_server_can_say_stop(browser, site, response):
    site.answers = [response, (200, {})]
    page = open_page(browser, site)
    wait_for_polls(page, site, 1)
    page.wait_for_timeout(1500)
    assert len(site.polls) == 1
    page.close()
