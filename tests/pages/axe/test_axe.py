"""Every page passes axe-core's rules, best practices included, in both themes and with its menus
open; for staff, an ordinary user and a stranger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.test import Client
from django.urls import URLResolver, get_resolver

from monitoring.alerts.engine import evaluate
from monitoring.models import AlertChannel, AlertRule, AuditEntry
from providers.client_keys.actions import create
from providers.drift.queries import check_drift
from providers.keys.actions import add
from providers.keys.families import FAMILIES
from providers.models import ProviderKey
from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_event, make_user, store
from tests.monitoring.alerts.receiver import make_channel
from tests.providers.conftest import foreign, simulator, upstream  # noqa: F401
from tests.usage.budgets.making import make_budget
from usage.budgets.actions import make_exception
from usage.models import Budget, Statement, UsageEvent
from usage.statements.actions import make

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
BOTH = ("light", "dark")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 800}
FILE = "claude-carol@example.com.json"
# States that the addresses alone do not show.
MORE_PAGES = (
    "/usage/?range=30d",
    "/usage/?range=30d&compare=true&outcome=failed",
    "/usage/?tz=Mars",
    "/usage/?from=2026-01-01&to=2026-01-02",
    "/usage/events/?outcome=failed",
    "/usage/what-if/?range=30d&as_model=openai/gpt-5.4",
    "/usage/what-if/?as_model=none",
    f"/providers/accounts/account/?name={FILE}",
    "/providers/custom/provider/?name=openrouter",
    "/logs/log/?request_id=7f3a91c2",
    "/logs/?level=loud",
    "/monitoring/policies/?q=delete",
    "/monitoring/alerts/rules/new/?signal=usage.failure_rate",
    "/no/such/page/",
    "/logout/",
)
FIND = """options => axe.run(options).then(report => report.violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id}: ${node.target}`)))"""
OPEN_MENUS = "document.querySelectorAll('details').forEach(one => { one.open = true; })"


@pytest.fixture
def ada():
    return make_user("ada", staff=True)


@pytest.fixture
def everything(upstream, simulator, ada, settings):  # noqa: F811
    """Something to show on every page."""
    settings.UPSTREAM_IS_SIMULATED = True
    now = datetime.now(UTC)
    events = [
        make_event(
            timestamp=now - timedelta(days=n % 20, minutes=n),
            model=f"model-{n % 12}" if n % 3 else "gpt-5.4",
            failed=n % 7 == 0,
            alias="alias",
        )
        for n in range(60)
    ]
    store(upstream, *events, "no object")
    foreign(simulator, claude_api_key=[])
    add(upstream, FAMILIES["claude"], {"api-key": "sk-ant-0123456789abcdef"}, ada, owner=ada)
    create(upstream, ada, name="laptop", owner=ada)
    check_drift(upstream)
    make_channel("http://127.0.0.1:9/")
    evaluate()
    make(now.date().replace(day=1), ada)
    budget = make_budget(scope="user", user=ada, limit=10**6, removes_keys=True)
    make_exception(budget, now.date(), 500, "launch", ada)
    return upstream


def addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    """All addresses below a resolver, with their parameters in angle brackets."""
    for pattern in resolver.url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, address)
        else:
            yield address


def pages(client: Client) -> list[str]:
    """The addresses without parameters that respond to this caller with a page of ours."""
    return [
        address
        for address in addresses(get_resolver())
        if "<" not in address
        and not address.startswith(("/api/", "/^", "/admin/", "/metrics"))
        and ".csv" not in address
        and client.get(address).headers.get("Content-Type", "").startswith("text/html")
    ]


def details() -> list[str]:
    """The pages of single things, which addresses with parameters show."""
    key = bytes(ProviderKey.objects.get().digest).hex()
    return [
        f"/usage/events/{UsageEvent.objects.latest('timestamp').id}/",
        f"/usage/events/{UsageEvent.objects.exclude(input_cost=None).latest('timestamp').id}/",
        f"/usage/statements/{Statement.objects.latest('pk').pk}/?by=key",
        f"/monitoring/alerts/rules/{AlertRule.objects.get(code='failures').pk}/",
        f"/monitoring/alerts/channels/{AlertChannel.objects.get().pk}/",
        f"/monitoring/audit/{AuditEntry.objects.latest('pk').pk}/",
        f"/usage/budgets/{Budget.objects.get().pk}/",
        "/providers/keys/new/claude/",
        f"/providers/keys/claude/{key}/",
    ]


@pytest.fixture
def visit(browser, live_server):
    """A page in the browser, signed in as the user, and its client."""
    contexts = []

    def opened(user, **options):
        client = Client()
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        if user:
            client.force_login(user)
            host = urlsplit(live_server.url).hostname
            value = client.cookies["sessionid"].value
            context.add_cookies(
                [{"name": "sessionid", "value": value, "domain": host, "path": "/"}]
            )
        return context.new_page(), client

    yield opened
    for context in contexts:
        context.close()


def violations(page, options: dict[str, object]) -> list[str]:
    """Rule and element of all that axe finds on the open page. The script is given once a page, and
    only what is wrong comes back."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(FIND, {"resultTypes": ["violations"], **options})


def findings(
    page, paths: list[str], *, opened: bool = True, themes: tuple[str, ...] = ("light",)
) -> list[str]:
    """What axe finds on these pages, with all that opens open or as they come."""
    found: set[str] = set()
    for path in paths:
        page.emulate_media(color_scheme=themes[0])
        page.goto(path)
        if opened:
            page.evaluate(OPEN_MENUS)
        reported = violations(page, {})
        for theme in themes[1:]:
            page.emulate_media(color_scheme=theme)
            reported += violations(page, {"runOnly": ["color-contrast"]})
        found.update(f"{path}: {one}" for one in reported)
    return sorted(found)


def test_pages_of_staff_on_a_phone(visit, everything, ada):
    page, client = visit(ada, viewport=NARROW)
    assert findings(page, [*pages(client), *details(), *MORE_PAGES], opened=False) == []


def test_pages_of_an_ordinary_user(visit, everything):
    page, client = visit(make_user("bob"), viewport=WIDE)
    assert findings(page, [*pages(client), "/monitoring/"]) == []


def test_pages_without_anything_to_show(visit, ada):
    page, client = visit(ada, viewport=WIDE)
    assert findings(page, pages(client)) == []


def test_pages_of_a_stranger(visit):
    page, _ = visit(None, viewport=WIDE)
    assert findings(page, ["/login/", "/no/such/page/", "/usage/"], themes=BOTH) == []


@pytest.mark.parametrize("path", ["/providers/keys/", "/providers/accounts/"])
def test_open_menu_keeps_its_buttons_colours(visit, everything, ada, path):
    page, _ = visit(ada, viewport=WIDE)
    page.goto(path)
    summary = page.locator(".menu > summary.primary").first
    colours = "one => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]"
    closed = summary.evaluate(colours)
    summary.click()
    assert page.locator(".menu[open] > summary.primary").count() == 1
    assert summary.evaluate(colours) == closed
