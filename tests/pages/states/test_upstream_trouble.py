"""While an upstream hangs or is down, each page says so once, leads on, and recovers by itself."""

import pytest

from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from providers.models import ProviderKey
from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_user
from tests.pages.upstreams import DOWN, HUNG, wait_at_most
from tests.providers.conftest import foreign, simulator, upstream  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
# Pages of what the upstream has, and pages that do not need it.
OF_THE_UPSTREAM = (
    "/providers/keys/",
    "/providers/accounts/",
    "/providers/client-keys/",
    "/providers/custom/",
    "/providers/configuration/",
    "/providers/configuration/file/",
    "/providers/configuration/versions/",
    "/providers/accounts/account/?name=claude-carol@example.com.json",
    "/providers/custom/provider/?name=openrouter",
)
OTHERS = ("/", "/usage/", "/usage/events/", "/monitoring/", "/providers/changes/")
TROUBLE = "main :is(.banner-warning, .banner-error, .warning, .error-page)"


@pytest.fixture
def key_page(upstream, simulator):  # noqa: F811
    """The address of a provider key's page."""
    foreign(simulator, claude_api_key=[])
    ada = make_user("bea", staff=True)
    fields = {"api-key": "sk-ant-0123456789abcdef"}
    add(upstream, NewKey(FAMILIES["claude"], fields, owner=ada), ada)
    return f"/providers/keys/claude/{bytes(ProviderKey.objects.get().digest).hex()}/"


def faults_of(page, paths, *, count) -> dict[str, str]:
    """What is wrong with how these pages show the trouble, by path."""
    wrong = {}
    for path in paths:
        response = page.goto(path)
        found = page.locator(TROUBLE)
        texts = found.all_inner_texts()
        leads_on = found.locator("a[href='/monitoring/doctor/']").count()
        if len(texts) not in count or (texts and not leads_on) or response.status in (404, 500):
            wrong[path] = f"{response.status} {texts}"
    return wrong


@pytest.mark.parametrize("fault", [HUNG, DOWN], ids=["hung", "down"])
def test_trouble_is_said_once_and_leads_on(
    staff_page,
    live_server,
    upstream,  # noqa: F811
    simulator,  # noqa: F811
    key_page,
    fault,
):
    page = staff_page(live_server.url, viewport={"width": 390, "height": 844})
    simulator.control("faults", fault)
    with pytest.MonkeyPatch.context() as patch:
        wait_at_most(0.3, patch)
        assert faults_of(page, (*OF_THE_UPSTREAM, key_page), count=[1]) == {}
        assert faults_of(page, OTHERS, count=[0, 1]) == {}
        page.goto("/providers/accounts/")
        assert "cannot be read now" in page.locator(TROUBLE).inner_text()
    simulator.control("faults", method="DELETE")
    page.evaluate("document.dispatchEvent(new Event('poll:now'))")
    page.locator(TROUBLE).wait_for(state="detached")
    page.get_by_text("claude-carol@example.com").first.wait_for()


@pytest.mark.parametrize("language", ["en", "de", "zh-Hans"])
def test_foot_of_the_sidebar_is_in_sight(staff_page, live_server, upstream, language):  # noqa: F811
    page = staff_page(live_server.url, viewport={"width": 1440, "height": 760}, locale=language)
    page.goto("/monitoring/policies/")
    foot = page.locator(".sidebar-foot").bounding_box()
    assert foot["y"] + foot["height"] <= 760
    assert page.locator(".sidebar").evaluate("one => one.scrollWidth <= one.clientWidth")
