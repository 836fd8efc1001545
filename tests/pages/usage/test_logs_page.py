"""The Logs page in a real browser: followed, filtered, paused, saved; an upstream that fails."""

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import Client

from management_proxy.proxy import views
from management_proxy.proxy.limits.sockets import CallDeadline
from management_proxy.simulator.logs import ErrorLog
from monitoring.models import Alert
from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_user
from tests.management_proxy.proxied import fault, forget_everything, request_count, wait_until
from tests.providers.conftest import simulator, upstream  # noqa: F401
from usage.web.logs import views as log_views

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
SECRET = "sk-ant-0123456789abcdef"
NAME = "error-v1-messages-2026-11-23T172843-949ae9ce.log"
READS = "GET /v0/management/logs "


@pytest.fixture
def logged(simulator, upstream):  # noqa: F811
    """An upstream that writes a log file, with some lines and one error log."""
    forget_everything()
    simulator.app.state.store.force({"logging-to-file": True})
    write(simulator, "info ", "server started")
    write(simulator, "warn ", f"saw the key {SECRET} in a query")
    write(simulator, "error", "the provider is overloaded", "7f3a91c2")
    body = f'{{"prompt": "hello"}}\nAuthorization: Bearer {SECRET}\n'
    simulator.app.state.logs.errors = [ErrorLog(NAME, body.encode(), 1795426123)]
    yield simulator
    forget_everything()


@pytest.fixture
def page(browser, live_server, db):
    """A page of a signed-in member of staff."""
    client = Client()
    client.force_login(make_user("ada", staff=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"}
    context = browser.new_context(base_url=live_server.url, accept_downloads=True)
    context.add_cookies([cookie | {"domain": urlsplit(live_server.url).hostname}])
    yield context.new_page()
    context.close()


def write(on, level: str, message: str, request_id: str = "--------") -> None:
    on.app.state.log.write(level, "main.go:1", message, request_id)


def rows(page) -> list[str]:
    return [text.rpartition("] ")[2] for text in page.locator(".log li").all_text_contents()]


def test_log_is_followed_filtered_paused_and_saved(page, logged):
    page.goto("/logs/")
    page.get_by_text("the provider is overloaded").wait_for()
    assert rows(page)[:2] == ["server started", "saw the key …cdef in a query"]
    assert not any("/v0/management/" in row for row in rows(page))
    write(logged, "info ", "a line while it is followed")
    page.get_by_text("a line while it is followed").wait_for()

    page.get_by_label("Level").select_option("warn")
    assert rows(page) == ["saw the key …cdef in a query", "the provider is overloaded"]
    page.get_by_role("button", name="7f3a91c2").click()
    assert rows(page) == ["the provider is overloaded"]
    assert "level=warn&request_id=7f3a91c2" in page.url

    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused.").wait_for()
    before = request_count(logged, READS)
    write(logged, "error", "a line while it is paused", "7f3a91c2")
    page.wait_for_timeout(1500)
    assert request_count(logged, READS) <= before + 1  # one may have been on its way
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("a line while it is paused").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").first.click()
    text = Path(download.value.path()).read_text()
    assert [line.rpartition("] ")[2] for line in text.splitlines()] == rows(page)


def test_end_of_long_lines_is_in_sight_while_followed(page, logged):
    for number in range(80):
        write(logged, "warn ", f"line {number} {'of many words ' * 60}")
    page.goto("/logs/")
    page.get_by_text("line 79").wait_for()
    for number in (80, 81):
        write(logged, "warn ", f"line {number} {'of many words ' * 60}")
        page.get_by_text(f"line {number}").wait_for()
        page.wait_for_timeout(300)
        page.wait_for_function(
            """() => { const box = document.querySelector('.log');
            return box.scrollHeight - box.scrollTop - box.clientHeight < 2; }"""
        )


def test_alerts_and_changes_stand_between_the_lines(page, logged):
    now = datetime.now(UTC)
    instants = {"fired_at": now, "pending_since": now, "breached_at": now}
    Alert.objects.create(
        rule_name="Failures", severity="warning", value=1, worst=1, state="firing", **instants
    )
    wait_until(lambda: datetime.now(UTC) - now > timedelta(seconds=1.1))
    write(logged, "info ", "a later line")
    page.goto("/logs/")
    mark = page.locator(".log li", has_text="Alert fires: Failures")
    mark.wait_for()
    shown = page.locator(".log li").all_text_contents()
    at = next(n for n, text in enumerate(shown) if "Alert fires" in text)
    assert "the provider is overloaded" in shown[at - 1]
    assert "a later line" in shown[at + 1]
    page.get_by_label("Lines only").check()
    assert mark.count() == 0
    page.get_by_label("Lines only").uncheck()
    mark.get_by_role("link").click()
    page.wait_for_url("**/monitoring/alerts/")


def test_what_tollgate_did_bears_the_time_of_the_lines(page, logged):
    now = datetime.now(UTC)
    instants = {"fired_at": now, "pending_since": now, "breached_at": now}
    Alert.objects.create(
        rule_name="Failures", severity="warning", value=1, worst=1, state="firing", **instants
    )
    page.goto("/logs/")
    mark = page.locator(".log li", has_text="Alert fires: Failures").locator("time")
    mark.wait_for()
    # The simulator writes the time of another zone than ours.
    written = datetime.fromisoformat(page.locator(".log li").first.text_content()[1:20])
    shown = datetime.combine(written, time.fromisoformat(mark.text_content()))
    assert (shown - written) % timedelta(days=1) < timedelta(minutes=1)


def test_search_that_did_not_reach_back_to_the_request_says_so(page, logged, monkeypatch):
    monkeypatch.setattr(log_views, "LINES_SEARCHED", 3)
    page.goto("/logs/?request_id=7f3a91c2&after=1")
    page.get_by_text("Lines before these were not searched").wait_for()


def test_where_no_line_is_shown_the_reason_is(page, logged):
    page.goto("/logs/?request_id=00000000&after=1")
    page.get_by_text("The log holds no line of this request").wait_for()
    page.get_by_label("Request ID").fill("")
    page.get_by_text("the provider is overloaded").wait_for()
    page.get_by_label("Text").fill("no such text")
    page.get_by_text("No line that was read passes the filters.").wait_for()
    page.get_by_label("Text").fill("overloaded")
    page.get_by_text("No line that was read").wait_for(state="hidden")


def test_error_log_is_listed_and_read_without_its_secrets(page, logged):
    page.goto("/logs/")
    page.get_by_role("link", name=NAME).wait_for()
    time_shown = page.locator("error-logs time").first.text_content()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time_shown)
    page.get_by_role("link", name=NAME).click()
    page.get_by_text('{"prompt": "hello"}').wait_for()
    assert SECRET not in page.content()
    assert "Bearer …cdef" in page.locator("pre").text_content()
    page.goto("/logs/log/?request_id=00000000")
    page.get_by_text("The upstream has no such log").wait_for()


def test_without_a_log_file_the_step_is_shown(page, logged):
    logged.app.state.store.force({"logging-to-file": False})
    page.goto("/logs/")
    page.get_by_text("Switch on Log to files").wait_for()
    assert page.get_by_role("link", name="Configuration").last.is_visible()


def test_upstream_that_fails_is_stated_and_read_again_later(page, logged):
    fault(logged, "status", "/logs", status=502, count=20)
    page.goto("/logs/")
    page.get_by_text("The log cannot be read:").wait_for()
    assert page.locator("log-tail").get_by_role("link", name="Open Doctor").is_visible()
    before = request_count(logged, READS)
    page.wait_for_timeout(1000)
    assert request_count(logged, READS) <= before + 3  # retries of the proxy itself included


def test_upstream_that_hangs_keeps_the_places_of_what_it_sends_until_the_reason_is_known(
    page, logged, monkeypatch
):
    monkeypatch.setattr(views, "CallDeadline", lambda _seconds, socket: CallDeadline(1, socket))
    for path in ("/logs", "/request-error-logs"):
        fault(logged, "hang_before_headers", path, seconds=3, count=20)
    held = []
    page.route("**/api/management/**", lambda route: held.append(route))
    page.goto("/logs/")
    assert page.locator(".skeleton:visible").count() == 2
    page.unroute("**/api/management/**")  # lets go of those that are held
    page.get_by_text("The log cannot be read:").wait_for()
    page.get_by_text("The list cannot be read:").wait_for()
    assert page.locator(".skeleton").count() == 0
    logged.control("faults", method="DELETE")
    page.get_by_text("the provider is overloaded").wait_for()


def test_older_upstream_is_read_by_seconds_without_losing_or_doubling(page, logged):
    def without_cursor(route):
        response = route.fetch()
        body = response.json()
        body["next-cursor"] = ""
        route.fulfill(response=response, json=body)

    page.route("**/logs?**", without_cursor)
    page.goto("/logs/")
    page.get_by_text("the provider is overloaded").wait_for()
    for number in range(3):
        write(logged, "info ", f"news {number}")
        page.get_by_text(f"news {number}").wait_for()
    assert [row for row in rows(page) if row.startswith("news")] == ["news 0", "news 1", "news 2"]
    assert rows(page).count("the provider is overloaded") == 1


def test_hidden_tab_requests_nothing(page, logged):
    page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {get: () => window.seen || 'hidden'})"
    )
    page.goto("/logs/")
    page.get_by_role("link", name=NAME).wait_for()
    assert request_count(logged, READS) == 0
    page.evaluate("window.seen = 'visible'; document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(lambda: request_count(logged, READS) >= 1)


def test_reason_is_in_the_readers_language(page, logged, live_server):
    fault(logged, "status", "/logs", status=502, count=20)
    page.context.add_cookies([{"name": "language", "value": "de", "url": live_server.url}])
    page.goto("/logs/")
    page.get_by_text("der Upstream antwortete mit 502, 503 oder 504. ").first.wait_for()
