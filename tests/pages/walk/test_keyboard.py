"""With the keyboard alone: on every page all can be reached in the order of the page, what has the
focus shows it, also in forced colours, nothing traps it, and menus open and close."""

import pytest
from playwright.sync_api import Page

from tests.browser import CHROMIUM, REQUIRED
from tests.pages.world import STATES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
# What can have the focus within the page's own part, in its order; of radio buttons, one of each
# name. A region that scrolls is one of Chromium's own stops, and of no interest here.
EXPECTED = """() => {
  const name = (one) => `${one.tagName.toLowerCase()} ${(one.getAttribute('aria-label') ||
    one.textContent || one.name || '').trim().replace(/\\s+/g, ' ').slice(0, 40)}`;
  const all = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const radios = new Set();
  window.expected = [...document.querySelectorAll(`#main :is(${all})`)].filter((one) => {
    if (one.disabled || one.type === 'hidden' || one.tabIndex < 0) return false;
    if (!one.checkVisibility({ visibilityProperty: true })) return false;
    if (one.type !== 'radio') return true;
    const first = !radios.has(one.name);
    radios.add(one.name);
    return first;
  });
  window.stops = [];
  window.nameOf = name;
  document.addEventListener('focusin', ({ target }) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    window.stops.push([target, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1]);
  });
  return window.expected.length;
}"""
WRONG = """() => {
  const { expected, stops, nameOf } = window;
  const inMain = stops.filter(([one]) => document.getElementById('main').contains(one));
  const reached = new Set(inMain.map(([one]) => one));
  const places = [...reached].map((one) => expected.indexOf(one)).filter((place) => place >= 0);
  return [
    ...expected.filter((one) => !reached.has(one)).map((one) => `not reached: ${nameOf(one)}`),
    ...inMain.filter(([, shows]) => !shows).map(([one]) => `no outline: ${nameOf(one)}`),
    ...(places.some((place, n) => n && place < places[n - 1]) ? ['out of order'] : []),
    ...[...document.querySelectorAll('[tabindex]')].filter((one) => one.tabIndex > 0)
      .map((one) => `jumps the queue: ${nameOf(one)}`),
  ];
}"""
TAB = {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
MOST_STOPS = 120


def faults(page: Page, path: str) -> list[str]:
    """What is wrong with a walk through a page, from the link that skips the navigation on."""
    page.goto(path)
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.className") != "skip":
        return ["does not begin with the link to the content"]
    page.keyboard.press("Enter")
    expected = page.evaluate(EXPECTED)
    keys = page.context.new_cdp_session(page)
    for _ in range(min(expected + 6, MOST_STOPS)):
        keys.send("Input.dispatchKeyEvent", TAB)
    keys.detach()
    found: list[str] = page.evaluate(WRONG)
    # A longer list goes on as it began.
    return found if expected + 6 <= MOST_STOPS else [f for f in found if "not reached" not in f]


def test_every_page_by_keyboard(visit, world):
    page = visit(world.clients["admin"], viewport={"width": 1440, "height": 900})
    wrong = {path: faults(page, path) for path in [*world.addresses("admin"), *STATES]}
    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("path", "width"),
    [
        ("/usage/", 1440),
        ("/usage/events/", 360),
        ("/providers/accounts/", 1440),
        ("/providers/keys/", 360),
        ("/providers/custom/", 1440),
    ],
)
def test_menu_opens_by_enter_and_closes_by_escape(visit, world, path, width):
    page = visit(world.clients["admin"], viewport={"width": width, "height": 800})
    page.goto(path)
    menu = page.locator("details.menu").first
    menu.locator("> summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    within = "one => one.open && one.contains(document.activeElement)"
    assert menu.evaluate(within)
    assert page.evaluate("document.activeElement.matches('details.menu > :not(summary) *')")
    page.keyboard.press("Escape")
    assert menu.evaluate("one => !one.open && document.activeElement.parentElement === one")


def test_drawer_of_a_phone_by_keyboard(visit, world):
    page = visit(world.clients["admin"], viewport={"width": 360, "height": 800})
    page.goto("/usage/")
    link = page.locator(".drawer").get_by_role("link", name="Events", exact=True)
    page.locator("#menu").focus()
    page.keyboard.press("Enter")
    link.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.drawer a')")
    page.keyboard.press("Escape")
    link.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "menu"


def test_forced_colours_keep_what_only_a_colour_shows(visit, world):
    page = visit(
        world.clients["admin"], viewport={"width": 1440, "height": 900}, forced_colors="active"
    )
    page.goto("/usage/?range=30d")
    background = "one => getComputedStyle(one).backgroundColor"
    ground = page.locator("body").evaluate(background)
    for shown in (".kinds > *", ".legend i", "nav [aria-current]", ".share .bar"):
        assert page.locator(shown).first.evaluate(background) != ground, shown
    fills = page.locator("figure, .card").filter(has=page.locator(".legend button")).first
    looks = fills.locator(".legend i").evaluate_all(
        "all => all.map(getComputedStyle).map((s) => s.backgroundColor + s.borderStyle)"
    )
    assert len(set(looks)) == len(looks) > 1
    page.locator("#main a").first.focus()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
