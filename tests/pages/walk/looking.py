"""What is wrong with a page that is open, at every width and in both themes."""

import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

from django.utils.translation import to_locale
from playwright.sync_api import ConsoleMessage, Page, Request, Response

from monitoring.texts.recorded import Recorded
from tests.languages import ROOT, catalogue, forms, identity
from tests.pages.walk.cases import Case

# Small phone (and 1280 pixels at 400 %), phone, 1440 pixels at 200 %, tablet, desk.
WIDTHS = (320, 360, 720, 768, 1440)
THEMES = ("light", "dark")
# What sticks out is named, since the figure alone leads nowhere.
OVERFLOW = """() => {
  const wide = innerWidth;
  if (document.documentElement.scrollWidth <= wide) return '';
  const out = [...document.querySelectorAll('body *')].filter((one) => {
    if (one.getBoundingClientRect().right <= wide + 0.5) return false;
    for (let at = one.parentElement; at; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== 'visible') return false;
    return true;
  });
  const name = (one) => `${one.tagName}.${one.getAttribute('class') || ''}`.toLowerCase();
  return `${document.documentElement.scrollWidth} px: ${out.slice(0, 3).map(name).join(' ')}`;
}"""
# What is shown as it was recorded, or written by a machine, is in no language.
TEXTS = """() => {
  const found = new Set();
  const add = (text) => found.add(text.replace(/\\s+/g, ' ').trim());
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const at = texts.currentNode.parentElement;
    if (!at.closest('code, pre, textarea, script, style, [lang="en"]')) add(texts.currentNode.data);
  }
  for (const one of document.querySelectorAll('[title], [aria-label], [placeholder]'))
    for (const name of ['title', 'aria-label', 'placeholder']) add(one.getAttribute(name) || '');
  return [...found];
}"""
TROUBLE = "main :is(.banner-warning, .banner-error, .warning, .error-page)"
LOGIN = "/login/"
LEADS_ON = "a[href='/monitoring/doctor/']"


class Looker:
    """Opens pages in one tab and collects what is wrong with them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._noise: list[str] = []
        self._seen: set[str | int] = set()
        self._logins: set[str] = set()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._noise.append(f"script: {error}"))
        page.on("request", self._requested)

    def faults(self, case: Case, statuses: set[int], width: int, theme: str) -> Iterator[str]:
        """Open the page at a width and in a theme, then look at it at all and in both."""
        if 200 in statuses and self._leads_to_login(case):
            return
        self._noise.clear()
        self._show(width, theme)
        response = self.page.goto(case.path)
        assert response
        if urlsplit(response.url).path == LOGIN:
            self._logins.add(case.upstream)
        if response.status not in statuses:
            yield f"status {response.status}, expected one of {sorted(statuses)}"
        if self._is_new(response):
            yield from self._layout()
            yield from self._words(case.language)
        if case.upstream != "up":
            yield from self._trouble()
        yield from (one for one in self._noise if not _is_expected(one, response, case))

    def _leads_to_login(self, case: Case) -> bool:
        """Whether nothing but the login is behind an address, and this tab has opened it while the
        upstream was so."""
        if case.upstream not in self._logins:
            return False
        response = self.page.request.get(case.path, max_redirects=0)
        return response.headers.get("location", "").startswith(f"{LOGIN}?next=")

    def _is_new(self, response: Response) -> bool:
        """Whether the page is not the login to which many addresses lead, or a refusal, once
        more."""
        path = urlsplit(response.url).path
        shown = path if path == LOGIN else response.status
        is_new = shown not in self._seen
        if shown in (LOGIN, 403, 404):
            self._seen.add(shown)
        return is_new

    def _layout(self) -> Iterator[str]:
        for width in WIDTHS:
            self._show(width, THEMES[width // 8 % 2])
            if sticks_out := self.page.evaluate(OVERFLOW):
                yield f"wider than {width} px: {sticks_out}"

    def _show(self, width: int, theme: str) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]

    def _words(self, language: str) -> Iterator[str]:
        english = messages(language)
        texts = set(self.page.evaluate(TEXTS))
        left = texts & english
        left |= {text for text in texts if any(part in text for part in recorded(language))}
        if left:
            yield f"in English: {sorted(left)}"

    def _trouble(self) -> Iterator[str]:
        told = self.page.locator(TROUBLE).filter(has=self.page.locator(LEADS_ON))
        if told.count() > 1:
            yield f"said {told.count()} times: {told.all_inner_texts()}"

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._noise.append(f"console: {message.text} {message.location['url']}")

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.hostname not in ("localhost", "127.0.0.1"):
            self._noise.append(f"request to elsewhere: {request.url}")


def _is_expected(noise: str, response: Response, case: Case) -> bool:
    """Chromium itself reports a page that is refused, a log that an ill upstream withholds, and one
    that a well upstream did not write."""
    if not noise.startswith("console: Failed to load resource"):
        return False
    of_page = response.status >= 400 and noise.endswith(response.url)
    of_log = "/request-log-by-id/" in noise and "404" in noise
    return of_page or of_log or (case.upstream != "up" and "/api/management/" in noise)


@cache
def recorded(language: str) -> frozenset[str]:
    """What tells texts that were recorded in English from others; nothing for English."""
    if language == "en":
        return frozenset()
    parts = (max(re.split(r"%\(\w+\)s", one.message), key=len) for one in Recorded.known)
    return frozenset(part.strip() for part in parts if len(part.strip()) > 12)


@cache
def messages(language: str) -> frozenset[str]:
    """The English messages that have a translation which differs; none for English."""
    if language == "en":
        return frozenset()
    folder = ROOT / "locale" / to_locale(language) / "LC_MESSAGES"
    return frozenset(
        identity(message)[1]
        for path in folder.glob("*.po")
        for message in catalogue(path)
        if message.id and not message.fuzzy and forms(message)[0] not in ("", message.id)
    )
