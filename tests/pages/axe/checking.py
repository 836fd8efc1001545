"""What axe-core finds on a page: at a desk and on a phone, in both themes, loading it once.

Contrast takes nearly all of axe's time. Whether a text can be read depends on its colour, size and
weight and on what lies behind it, so one text of each kind is judged, once for all pages: the kind
is that of the element and of all around it, by their names, classes and colours.
"""

from collections.abc import Iterable
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=800)
OPEN = "all => document.querySelectorAll('details').forEach(one => { one.open = all; })"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
CONTRAST = "color-contrast"
FIND = """([context, options]) => axe.run(context, options).then(report =>
    report.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target}`)))"""
MARK_KINDS = """() => {
  const kinds = new Map();
  for (const one of document.querySelectorAll('[data-kind]')) one.removeAttribute('data-kind');
  for (const one of document.querySelectorAll('body *')) {
    const says = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!says && !one.matches('input, select')) continue;
    if (!one.checkVisibility({ visibilityProperty: true })) continue;
    const own = getComputedStyle(one);
    let kind = [own.color, own.fontSize, own.fontWeight].join();
    for (let at = one; at !== document.body; at = at.parentElement) {
      const { backgroundColor, opacity } = getComputedStyle(at);
      kind += [at.tagName, at.getAttribute('class'), backgroundColor, opacity].join();
    }
    if (!kinds.has(kind)) one.setAttribute('data-kind', kinds.size);
    kinds.set(kind, one);
  }
  return [...kinds.keys()];
}"""


def findings(page: Page, paths: Iterable[str]) -> list[str]:
    """Rule and element of all that axe finds on these pages: with all that opens open, in the light
    and the dark, and closed on a phone."""
    judged: set[str] = set()
    return [f"{path}: {found}" for path in paths for found in _of_page(page, path, judged)]


def _of_page(page: Page, path: str, judged: set[str]) -> list[str]:
    page.set_viewport_size(DESK)
    page.goto(path)
    page.evaluate(AXE_SCRIPT)
    page.evaluate(OPEN, True)
    found = _all_but_contrast(page)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        found += _contrast(page, judged)
    page.evaluate(OPEN, False)
    page.set_viewport_size(PHONE)
    return sorted({*found, *_all_but_contrast(page)})


def _contrast(page: Page, judged: set[str]) -> list[str]:
    """Of the kinds of text that no page before had."""
    kinds: list[str] = page.evaluate(MARK_KINDS)
    include = [f'[data-kind="{n}"]' for n, kind in enumerate(kinds) if kind not in judged]
    judged.update(kinds)
    if not include:
        return []
    return _violations(page, {"include": include}, {"runOnly": [CONTRAST]})


def _all_but_contrast(page: Page) -> list[str]:
    return _violations(page, "html", {"rules": {CONTRAST: {"enabled": False}}})


def _violations(page: Page, context: object, options: dict[str, object]) -> list[str]:
    found: list[str] = page.evaluate(FIND, [context, {"resultTypes": ["violations"], **options}])
    return found
