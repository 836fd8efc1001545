"""Pictures of pages as WebP, which Chromium itself writes."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.addresses import crawl
from tests.screenshots.demonstration import PASSWORD

DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
# A long page is cut below, where it fits no picture that the repository can carry.
HEIGHTS = (1500, 1000, 850, 700)
QUALITY = 60
LARGEST_BYTES = 120_000
# One that shows more than the first of its kind: the link to it, and where that is.
RICHER = {
    "users-one": ("/users/", "alice"),
    "providers-accounts-account": ("/providers/accounts/", "carol@example.com"),
    "providers-client-keys-one": ("/providers/client-keys/", "CI pipeline"),
    "monitoring-alerts-rules-one": ("/monitoring/alerts/", "Many attempts fail"),
}
# Dates are entered as in the page's language: those of Chromium's own are seldom installed.
LANGUAGES = "--enable-blink-features=LangAttributeAwareFormControlUI"
WHAT_IF = "range=30d&as_model=anthropic/claude-haiku-4-5"


@dataclass(frozen=True)
class Look:
    """How a page is looked at; `suffix` is that of the picture's name."""

    suffix: str = ""
    theme: str = "light"
    language: str = "en-US"
    viewport: ViewportSize = field(default_factory=lambda: DESK)


@contextmanager
def visitor(browser: Browser, url: str, look: Look) -> Iterator[Page]:
    """A page of the first administrator's, who has signed in and looks like this."""
    context = browser.new_context(
        base_url=url,
        viewport=look.viewport,
        locale=look.language,
        color_scheme="dark" if look.theme == "dark" else "light",
        is_mobile=look.viewport == PHONE,
    )
    yield sign_in(context)
    context.close()


def sign_in(context: BrowserContext) -> Page:
    """The first page that the first administrator sees."""
    page = context.new_page()
    page.goto("/login/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(r"^(?!.*/login/)"))
    return page


def pages(page: Page) -> dict[str, str]:
    """The address of every page that the administrator can open, by the picture's name."""

    def read(address: str) -> str:
        response = page.request.get(address, max_redirects=0)
        is_page = response.headers.get("content-type", "").startswith("text/html")
        return response.text() if response.status == 200 and is_page else ""

    _wait_for_a_statement(page)
    found = {name_of(route): address for route, address in crawl(read).items()}
    for name, (address, link) in RICHER.items():
        page.goto(address)
        found[name] = page.get_by_role("link", name=link, exact=True).get_attribute("href") or ""
    found["users-one-hand-over"] = f"{found['users-one']}hand-over/"
    found["usage-what-if"] += f"?{WHAT_IF}"
    page.goto("/usage/events/?outcome=failed")
    failed = page.locator("table.events tbody a").first
    found["usage-events-one"] = failed.get_attribute("href") or ""
    return found


def _wait_for_a_statement(page: Page) -> None:
    """Until the collector has made that of the last month, which it does after its first run."""
    for _ in range(120):
        page.goto("/usage/statements/")
        if page.locator("tbody a").count():
            return
        page.wait_for_timeout(500)


def name_of(route: str) -> str:
    """Of the picture of a route: its words, and `one` for a parameter that no word follows."""
    words = re.sub(r"<[^>]*>", "one", route).strip("/").split("/")
    return "-".join(words) if words != [""] else "overview"


def take(page: Page, address: str, path: Path) -> None:
    """A picture of a page from its head, as far down as `LARGEST_BYTES` allow; raises ValueError if
    they allow none."""
    look = page.viewport_size or DESK
    page.goto(address, wait_until="networkidle")
    tall = max(page.evaluate("document.documentElement.scrollHeight"), look["height"])
    for height in HEIGHTS:
        # What is out of sight may not be drawn, so the window is made as tall as the picture.
        page.set_viewport_size({"width": look["width"], "height": min(height, tall)})
        picture = _picture(page)
        if len(picture) <= LARGEST_BYTES:
            break
    page.set_viewport_size(look)
    if len(picture) > LARGEST_BYTES:
        raise ValueError(f"{path.name}: {len(picture)} bytes")
    path.write_bytes(picture)


def _picture(page: Page) -> bytes:
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    camera = page.context.new_cdp_session(page)
    taken = camera.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    camera.detach()
    return base64.b64decode(taken["data"])
