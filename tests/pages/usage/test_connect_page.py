"""“Connect a client” in a browser: what is pasted and chosen is in the copied snippets, and what a
try brings is shown."""

from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import expect

from management_proxy.simulator.http.faults import read_fault
from tests.pages.frame.test_in_browser import pytestmark  # noqa: F401
from tests.usage.connect.conftest import (
    model,  # noqa: F401
    row,  # noqa: F401
    running,  # noqa: F401
    simulator,  # noqa: F401
    text,  # noqa: F401
    upstream,  # noqa: F401
)


@pytest.fixture
def page(browser, live_server, row, upstream):  # noqa: F811
    upstream.public_url = "https://llm.example.com"
    upstream.save()
    client = Client()
    client.force_login(row.owner)
    context = browser.new_context(base_url=live_server.url, viewport={"width": 360, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    host = urlsplit(live_server.url).hostname
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context.add_cookies([{**cookie, "domain": host, "path": "/"}])
    page = context.new_page()
    page.sent = []
    page.on("request", lambda request: page.sent.append(f"{request.url} {request.post_data}"))
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto("/connect/")
    yield page
    context.close()


def copied(page, slug):
    page.locator(f"#{slug} [data-snippet]").first.click()
    expect(page.locator(f"#{slug} [data-snippet]").first).to_have_text("Copied")
    return page.evaluate("navigator.clipboard.readText()")


def test_a_pasted_key_and_a_chosen_model_are_copied_and_the_key_is_never_sent(
    page,
    text,  # noqa: F811
    model,  # noqa: F811
):
    assert 'ANTHROPIC_AUTH_TOKEN="YOUR_CLIENT_KEY"' in copied(page, "claude-code")

    page.get_by_label("Paste the key").fill(text)
    page.get_by_label("Paste the key").press("Enter")
    page.get_by_label("Model", exact=True).select_option(model)
    snippet = page.locator("#claude-code pre")
    expect(snippet).to_contain_text(f'ANTHROPIC_MODEL="{model}"')
    expect(snippet).to_contain_text(f'"••••{text[-4:]}"')
    assert f'ANTHROPIC_AUTH_TOKEN="{text}"' in copied(page, "claude-code")
    page.get_by_label("Show it in the snippets").check()
    expect(snippet).to_contain_text(text)
    page.get_by_text("Codex CLI").click()
    assert f'model = "{model}"' in copied(page, "codex")

    page.get_by_label("Paste the key").fill('sk-"; rm -rf ~')
    expect(page.get_by_text("A key has no spaces, quotes")).to_be_visible()
    expect(snippet).to_contain_text("YOUR_CLIENT_KEY")
    page.get_by_label("Paste the key").fill("sk-another-0123456789")
    expect(page.get_by_text("This is not the key that is chosen")).to_be_visible()

    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trial")).to_contain_text("The model wrote: ok")
    assert [line for line in page.sent if text in line or "sk-another" in line] == []
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_try_that_fails_names_the_reason_and_the_step(page, simulator):  # noqa: F811
    body = (
        '{"error":{"code":"model_cooldown","message":"All credentials are cooling down",'
        '"reset_seconds":754}}'
    )
    simulator.app.faults.add(
        read_fault({"kind": "status", "path": "/v1/chat/*", "status": 429, "body": body})
    )

    page.get_by_role("button", name="Try it").click()

    trial = page.locator("#trial")
    expect(trial).to_contain_text("It does not work.")
    expect(trial).to_contain_text("It ends in 754 seconds.")
    expect(trial).to_contain_text("Wait for the end of the cooldown.")
    expect(trial.get_by_role("link")).to_have_attribute(
        "href", "/monitoring/runbook/#cooldown-cooldown"
    )
