"""The upstream's configuration: settings, editor, versions; conflicts, secrets, rights."""

import re

import httpx
import pytest

from management_proxy.client import configuration as config_client
from providers.configuration import actions as configuration
from providers.configuration.changes import ReplaceConfiguration, SetSwitch
from providers.configuration.document import value_at
from providers.configuration.settings import SETTINGS
from providers.errors import ChangeRefused
from providers.funnel.writes import perform
from providers.models import ConfigurationVersion, Intent
from tests.factories import make_user

pytestmark = pytest.mark.django_db
ROOT = "/providers/configuration/"


@pytest.fixture
def staff(client_of):
    return client_of(make_user("ada", staff=True))


@pytest.fixture
def client_of():
    from django.test import Client

    def signed_in(user):
        browser = Client()
        browser.force_login(user)
        return browser

    return signed_in


def secrets_of(client):
    text = config_client.read_configuration(client)
    return list(re.findall(r"(?:sk|vk|AIzaSy)[-\w]{8,}", text))


def form_of(page):
    """What a browser would send back unchanged."""
    fields = {}
    for tag in re.findall(r"<(?:input|select)[^>]*>", page):
        found = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        name = found.get("name", "")
        if found.get("type") != "checkbox" or " checked" in tag:
            fields[name] = found.get("value", "on")
    fields["routing/strategy"] = re.search(r'<option value="([^"]*)" selected', page)[1]
    return {name: value for name, value in fields.items() if name and name != "csrfmiddlewaretoken"}


def diff_of(page):
    return re.findall(r'<span class="\w+">(.*?)\n</span>', page)


def without_key(text):
    return re.sub("secret-key: .*", "", text)


def opened(page):
    text = re.search(r"<textarea[^>]*>\n(.*)</textarea>", page, re.DOTALL)[1]
    from html import unescape

    return {"opened": re.search(r'name="opened" value="(\d+)"', page)[1], "text": unescape(text)}


def test_only_staff_reach_the_configuration(upstream, client_of):
    bob = client_of(make_user("bob"))
    for path in ("", "file/", "versions/", "versions/1/"):
        assert bob.get(ROOT + path).status_code == 403
    assert "configuration" not in bob.get("/providers/accounts/").content.decode().lower()
    with pytest.raises(ChangeRefused):
        configuration.change_settings(upstream, make_user("eve"), {"debug": True}, {})


def test_no_page_shows_a_secret(upstream, client, staff):
    secrets = secrets_of(client)
    assert len(secrets) > 5
    for path in ("", "file/", "versions/"):
        page = staff.get(ROOT + path).content.decode()
        assert [secret for secret in secrets if secret in page] == []


def test_changed_settings_go_their_own_ways_and_nothing_else_is_sent(
    upstream, client, staff, simulator
):
    fields = form_of(staff.get(ROOT).content.decode())
    before = config_client.read_configuration(client)
    fields |= {"debug": "on", "request-retry": "3", "redis-usage-queue-retention-seconds": "600"}
    page = staff.post(ROOT, fields, follow=True).content.decode()
    assert page.count("done.") == 3
    after = config_client.read_configuration(client)
    assert (
        value_at(after, ("debug",)),
        value_at(after, ("request-retry",)),
        value_at(after, ("redis-usage-queue-retention-seconds",)),
    ) == ("true", "3", "600")
    assert set(before.splitlines()) - set(after.splitlines()) <= {
        "debug: false",
        "redis-usage-queue-retention-seconds: 3600",
    }
    assert sorted(Intent.objects.values_list("resource", flat=True)) == [
        "config.yaml",
        "switch:debug",
        "switch:request-retry",
    ]


def test_untouched_form_sends_nothing(upstream, staff):
    fields = form_of(staff.get(ROOT).content.decode())
    assert "Nothing to change" in staff.post(ROOT, fields, follow=True).content.decode()
    assert not Intent.objects.exists()


def test_setting_that_another_client_changed_meanwhile_is_left_alone(upstream, client, staff):
    fields = form_of(staff.get(ROOT).content.decode())
    config_client.write_switch(client, "request-retry", 7)
    page = staff.post(ROOT, {**fields, "request-retry": "3"}, follow=True).content.decode()
    assert "It was changed in the meantime" in page
    assert config_client.read_switch(client, "request-retry") == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request-retry", "-1"),
        ("request-retry", "many"),
        ("redis-usage-queue-retention-seconds", "9999"),
        ("routing/strategy", "chaos"),
    ],
)
def test_bad_setting_is_named_and_nothing_is_sent(upstream, staff, name, value):
    fields = form_of(staff.get(ROOT).content.decode())
    response = staff.post(ROOT, {**fields, name: value, "debug": "on"})
    assert response.status_code == 400
    assert "field-error" in response.content.decode()
    assert not Intent.objects.exists()


@pytest.mark.parametrize("setting", [s for s in SETTINGS.values() if s.route], ids=lambda s: s.name)
def test_every_setting_with_a_route_is_set_by_it(upstream, client, setting):
    other = (
        setting.choices[1][0]
        if setting.choices
        else not setting.default
        if isinstance(setting.default, bool)
        else setting.default + 1
    )
    assert (
        perform(upstream, SetSwitch(path=setting.route, value=other)).state == Intent.State.VERIFIED
    )
    assert config_client.read_switch(client, setting.route) == other


def test_edited_file_is_reviewed_then_saved_with_its_secrets(upstream, client, staff):
    secrets = secrets_of(client)
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    edit["text"] = edit["text"].replace("debug: false", "debug: true # while we look")
    review = staff.post(f"{ROOT}file/", {**edit, "step": "review"}).content.decode()
    assert "debug: true # while we look" in review
    assert not Intent.objects.exists()
    assert (
        "is saved"
        in staff.post(
            f"{ROOT}file/", {**edit, "step": "save", "reason": "ticket 12"}, follow=True
        ).content.decode()
    )
    text = config_client.read_configuration(client)
    assert "debug: true # while we look" in text
    assert secrets_of(client) == secrets
    newest = ConfigurationVersion.objects.first()
    assert (newest.text, newest.origin, newest.actor_name, newest.reason) == (
        text,
        "saved",
        "ada",
        "ticket 12",
    )


@pytest.mark.parametrize("ends", ["\n", "\r\n", "mixed"])
def test_lines_of_a_browser_end_as_the_file_s_do(upstream, client, staff, ends):
    before = config_client.read_configuration(client).replace("\n", ends.replace("mixed", "\n"))
    if ends == "mixed":
        before = before.replace("\n", "\r\n", 5)
    config_client.replace_configuration(client, before)
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    edit["text"] = edit["text"].replace("debug: false", "debug: true").replace("\n", "\r\n")
    staff.post(f"{ROOT}file/", {**edit, "step": "save"})
    after = before.replace("debug: false", "debug: true")
    assert without_key(config_client.read_configuration(client)) == without_key(after)


def test_untouched_lines_are_no_difference_whatever_ends_them(upstream, client, staff):
    text = config_client.read_configuration(client).replace("\n", "\r\n")
    config_client.replace_configuration(client, text)
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    edit["text"] = edit["text"].replace("debug: false", "debug: true")
    page = staff.post(f"{ROOT}file/", {**edit, "step": "review"}).content.decode()
    assert [line for line in diff_of(page) if line[0] != " "] == [
        "… line 8",
        "− debug: false",
        "+ debug: true",
    ]


def test_review_shows_that_line_ends_change(upstream, client):
    text = "port: 1\r\ndebug: true\r\n"
    shown = configuration.compared(text, text.replace("\r\n", "\n"))
    assert [line.text for line in shown] == ["line ends: CRLF becomes LF"]


def test_file_that_changed_meanwhile_is_not_overwritten(upstream, client, staff):
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    config_client.write_switch(client, "request-retry", 7)
    edit["text"] = edit["text"].replace("debug: false", "debug: true")
    page = staff.post(f"{ROOT}file/", {**edit, "step": "save"}).content.decode()
    assert "has changed since" in page
    assert "debug: true" in page
    assert config_client.read_switch(client, "debug") is False
    assert config_client.read_switch(client, "request-retry") == 7


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda text: "", "empty"),
        (lambda text: text + "\nx: [", "no valid YAML"),
        (lambda text: text + "\nx: " + "[" * 100_000, "nested deeper"),
        (lambda text: text + "\nhost: hidden-1…\n", "twice"),
        (
            lambda text: re.sub(r"(?m)^api-keys:\n(?:- .*\n)+", "api-keys: []\n", text),
            "api-keys is empty",
        ),
        (lambda text: text.replace("hidden-2", "hidden-999"), "is no placeholder"),
        (lambda text: text + "\nlabel: hidden-2…\n", "hidden values occur"),
    ],
)
def test_bad_text_is_refused_before_anything_is_sent(upstream, client, staff, change, reported):
    before = config_client.read_configuration(client)
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    response = staff.post(f"{ROOT}file/", {**edit, "text": change(edit["text"]), "step": "save"})
    assert response.status_code == 400
    assert reported in response.content.decode()
    assert config_client.read_configuration(client) == before
    assert not Intent.objects.exists()


def test_an_objection_of_the_upstream_to_a_text_is_shown_without_secrets(upstream, client, staff):
    edit = opened(staff.get(f"{ROOT}file/").content.decode())
    edit["text"] = edit["text"].replace("debug: false", "debug: sk-not-a-switch-1234567")
    page = staff.post(f"{ROOT}file/", {**edit, "step": "save"}).content.decode()
    assert "invalid_yaml" in page
    assert "cannot unmarshal" in page
    assert config_client.read_switch(client, "debug") is False


def test_rolling_back_takes_two_clicks(upstream, client, staff):
    first = config_client.read_configuration(client)
    staff.get(f"{ROOT}versions/")
    config_client.write_switch(client, "debug", True)
    old = ConfigurationVersion.objects.get()
    page = staff.get(f"{ROOT}versions/{old.pk}/").content.decode()
    assert "debug: true" in page
    form = {"opened": re.search(r'name="opened" value="(\d+)"', page)[1]}
    assert (
        "is back"
        in staff.post(f"{ROOT}versions/{old.pk}/roll-back/", form, follow=True).content.decode()
    )
    assert config_client.read_configuration(client) == first
    assert ConfigurationVersion.objects.first().origin == "rolled_back"


def test_roll_back_over_a_newer_change_is_refused(upstream, client, staff):
    old = configuration.opened_version(upstream)
    config_client.write_switch(client, "debug", True)
    seen = configuration.opened_version(upstream)
    config_client.write_switch(client, "request-retry", 9)
    page = staff.post(
        f"{ROOT}versions/{old.pk}/roll-back/", {"opened": seen.pk}, follow=True
    ).content.decode()
    assert "has changed since" in page
    assert config_client.read_switch(client, "request-retry") == 9


def test_versions_are_kept_once_encrypted_and_bounded(upstream, client, monkeypatch):
    monkeypatch.setattr(configuration, "VERSIONS_KEPT", 3)
    for number in range(5):
        config_client.write_switch(client, "request-retry", number)
        configuration.opened_version(upstream)
        configuration.opened_version(upstream)
    kept = ConfigurationVersion.objects.filter(upstream=upstream)
    assert kept.count() == 3
    assert not any(
        secret.encode() in bytes(version.text_encrypted)
        for version in kept
        for secret in secrets_of(client)
    )


def test_difference_shows_that_a_secret_changed_but_not_the_secret(upstream, client):
    before = config_client.read_configuration(client)
    secret = secrets_of(client)[0]
    lines = configuration.compared(before, before.replace(secret, "sk-another-secret-value-9999"))
    assert [line.kind for line in lines if line.kind != "same" and line.kind != "gap"] == [
        "removed",
        "added",
    ]
    assert not any(secret in line.text or "another" in line.text for line in lines)


def test_text_caught_while_it_is_written_is_no_version(upstream, simulator):
    fault = {"kind": "garbage", "body": "host: [", "path": "*config.yaml", "count": 1}
    httpx.post(f"{simulator.url}/__control/faults", json=fault).raise_for_status()
    with pytest.raises(ChangeRefused):
        configuration.opened_version(upstream)
    assert not ConfigurationVersion.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [("*config.yaml", "host: " + "[" * 100_000), ("*config", '{"host": ' + "[" * 100_000)],
)
def test_deeply_nested_response_is_an_error_and_not_the_end(upstream, staff, simulator, path, body):
    fault = {"kind": "garbage", "body": body, "path": path, "count": None}
    httpx.post(f"{simulator.url}/__control/faults", json=fault).raise_for_status()
    for page in ("", "file/", "versions/"):
        assert staff.get(ROOT + page).status_code in (200, 502, 503)


def test_lost_response_of_a_save_is_resolved_by_reading(upstream, client, simulator):
    before = configuration.opened_version(upstream)
    text = before.text.replace("debug: false", "debug: true")
    fault = {"kind": "cut", "path": "*config.yaml", "method": "PUT", "count": 1}
    httpx.post(f"{simulator.url}/__control/faults", json=fault).raise_for_status()
    intent = perform(upstream, ReplaceConfiguration(text=text, opened=before.digest))
    assert intent.state == Intent.State.VERIFIED
    assert config_client.read_switch(client, "debug") is True
