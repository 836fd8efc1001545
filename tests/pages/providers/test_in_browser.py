"""The providers' pages in a real browser: nothing overflows, nothing is blocked, forms do what they
show."""

import io
import json
import threading
import zipfile
from urllib.parse import urlsplit

import pytest
from django.test import Client

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client import configuration as config_client
from management_proxy.client import lists as list_client
from providers.models import AccountLogin
from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_user
from tests.providers.conftest import client, simulator, upstream  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
FILE = "claude-carol@example.com.json"
PAGES = (
    "/providers/accounts/",
    f"/providers/accounts/account/?name={FILE}",
    "/providers/custom/",
    "/providers/custom/provider/",
    "/providers/custom/provider/?name=openrouter",
    "/providers/configuration/",
    "/providers/configuration/file/",
    "/providers/configuration/versions/",
)


@pytest.fixture
def open_page(browser, live_server, upstream):  # noqa: F811
    """Opens a page as staff; `complaints` collects what the console says."""
    session = Client()
    session.force_login(make_user("ada", staff=True))
    contexts = []

    def opened(path, **options):
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        host = urlsplit(live_server.url).hostname
        context.add_cookies(
            [
                {
                    "name": "sessionid",
                    "value": session.cookies["sessionid"].value,
                    "domain": host,
                    "path": "/",
                }
            ]
        )
        page = context.new_page()
        page.complaints = []
        page.on(
            "console",
            lambda message: (
                page.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_overflows_or_breaks_the_content_policy(open_page, viewport):
    page = open_page(PAGES[0], viewport=viewport)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert page.complaints == [], path


def test_file_is_edited_reviewed_and_saved(open_page, client):  # noqa: F811
    page = open_page("/providers/configuration/file/")
    area = page.locator("textarea[name=text]")
    assert page.locator(".gutter").inner_text().startswith("1\n2\n3")
    area.fill(area.input_value().replace("debug: false", "debug: true"))
    page.click("button[value=review]")
    assert "debug: true" in page.locator(".diff .added").inner_text()
    page.click("button[value=save]")
    assert "is saved" in page.locator(".banner-success").inner_text()
    assert config_client.read_switch(client, "debug") is True


def test_row_is_added_and_sent(open_page, client):  # noqa: F811
    page = open_page("/providers/custom/provider/?name=relay")
    page.click("[data-add-row=models]")
    page.locator(".rows-models .entry-row").last.locator("input:not([type=hidden])").first.fill(
        "added-model"
    )
    page.click("button[value=save]")
    page.locator(".banner-success").wait_for()
    entry = next(
        entry
        for entry in list_client.read_entries(client, "openai-compatibility")
        if entry["name"] == "relay"
    )
    assert [model["name"] for model in entry["models"]] == ["glm-4.7", "added-model"]


def test_chosen_accounts_are_disabled_after_a_preview(open_page, client):  # noqa: F811
    page = open_page("/providers/accounts/", viewport=WIDE)
    page.get_by_label("Choose carol@example.com").press("Space")
    page.get_by_label("With the chosen accounts").select_option("disable")
    page.get_by_role("button", name="Show what it does").press("Enter")
    assert "1 account is changed once you confirm" in page.locator("#confirm").inner_text()
    assert not auth_file_client.list_auth_files(client, FILE)[0]["disabled"]
    page.get_by_role("button", name="Confirm: Disable").press("Enter")
    page.get_by_text("1 done, 0 failed, 0 open").wait_for(timeout=60_000)
    assert auth_file_client.list_auth_files(client, FILE)[0]["disabled"]
    assert page.complaints == []
    end_threads("bulk act")


def test_chosen_client_keys_are_disabled_without_a_script(open_page, client):  # noqa: F811
    first, second = list_client.read_client_keys(client)
    page = open_page("/providers/client-keys/", viewport=NARROW, java_script_enabled=False)
    page.locator("tr", has_text=f"…{first[-4:]}").get_by_role("checkbox").check()
    page.get_by_label("With the chosen keys").select_option("owner")
    page.get_by_label("Note or owner").fill("ada")
    page.get_by_role("button", name="Show what it does").click()
    page.get_by_role("button", name="Confirm: Change owner").click()
    page.get_by_role("status").wait_for()
    end_threads("bulk act")
    page.reload()
    page.get_by_text("1 done, 0 failed, 0 open").wait_for()
    page.get_by_role("link", name="Back to the keys").click()
    filters = page.get_by_role("search")
    filters.get_by_label("Owner").select_option("ada")
    filters.get_by_role("button", name="Show").click()
    page.get_by_label("All 1 that matches").check()
    page.get_by_label("With the chosen keys").select_option("disable")
    page.get_by_role("button", name="Show what it does").click()
    assert "1 key is changed once you confirm" in page.locator("#confirm").inner_text()
    assert list_client.read_client_keys(client) == [first, second]
    page.get_by_role("button", name="Confirm: Disable").click()
    page.get_by_role("status").wait_for()
    end_threads("bulk act")
    assert list_client.read_client_keys(client) == [second]


def test_zip_is_checked_and_uploaded(open_page, client):  # noqa: F811
    page = open_page("/providers/accounts/", viewport=NARROW)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("new-a.json", "new-b.json", "folder/c.json"):
            person = {"type": "claude", "email": f"{name}@example.com", "refresh_token": "r"}
            zipped.writestr(name, json.dumps(person))
    page.click("#connect-menu summary")
    sent = {"name": "all.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    page.set_input_files("input[multiple]", sent)
    page.get_by_role("button", name="Check the files").click()
    assert "2 accounts are changed once you confirm" in page.locator("#confirm").inner_text()
    assert "It is in a folder" in page.locator("#region").inner_text()
    page.get_by_role("button", name="Confirm: Upload files").click()
    page.get_by_text("2 done, 0 failed, 0 open").wait_for(timeout=60_000)
    assert auth_file_client.list_auth_files(client, "new-a.json")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    end_threads("bulk act")


def end_threads(name):
    """Wait for those of this name, so that nothing outlives the test."""
    for thread in threading.enumerate():
        if thread.name.startswith(f"{name} "):
            thread.join(60)


def test_login_page_follows_the_login_to_its_end(open_page, simulator):  # noqa: F811
    page = open_page("/providers/accounts/")
    page.click("#connect-menu summary")
    page.click("button[value=codex]")
    page.wait_for_selector("#login-steps .paste")
    state = AccountLogin.objects.get().state
    page.fill(
        "input[name=callback]", f"http://localhost:1455/auth/callback?code=good&state={state}"
    )
    page.click(".paste button")
    page.wait_for_selector("#region .badge.good", timeout=60_000)
    assert "is connected, and you own it" in page.locator("#region").inner_text()
    assert page.locator(".paste").count() == 0
    assert page.get_by_text("Cancel this login").count() == 0
    assert page.locator("#poll-notice").is_hidden()
    end_threads("login")
