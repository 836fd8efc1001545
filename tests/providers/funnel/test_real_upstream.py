"""Accounts and configuration against a real CLIProxyAPI; only where `CLIPROXYAPI_BINARY` names one.

Of 7.2.140 or newer: older ones do not know every setting and field that is tried here, which the
funnel says.

unshare -n bash -c 'ip link set lo up; CLIPROXYAPI_BINARY=... .venv/bin/python -m pytest
tests/providers/funnel/test_real_upstream.py'
"""

import json
import os
import subprocess
import time

import httpx
import pytest

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client import configuration as config_client
from management_proxy.client.http import ManagementClient
from providers.accounts import actions as account_actions
from providers.accounts.auth_files import Health, auth_file_of
from providers.accounts.logins import actions as logins
from providers.accounts.logins import polling
from providers.accounts.logins.polling import poll
from providers.configuration import actions as configuration
from providers.configuration.changes import SetSwitch
from providers.configuration.document import value_at
from providers.configuration.settings import SETTINGS
from providers.custom import actions as custom_actions
from providers.custom.actions import Place
from providers.custom.queries import custom_rows, find_custom
from providers.errors import ChangeRefused
from providers.funnel.writes import perform
from providers.models import Account, AccountLogin, Intent
from tests.factories import make_upstream, make_user
from tests.processes import free_port

BINARY = os.environ.get("CLIPROXYAPI_BINARY", "")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not BINARY, reason="CLIPROXYAPI_BINARY names no server"),
]
KEY = "real-management-key"
CONFIGURATION = """# of the test
host: "127.0.0.1"
port: {port}
auth-dir: "{home}/auths"
remote-management:
  allow-remote: false
  secret-key: "" # from the environment
  disable-control-panel: true
api-keys:
  - "sk-client-one-0123456789"   # the first
usage-statistics-enabled: true
debug: false
openai-compatibility:
  - name: relay
    base-url: http://127.0.0.1:9/v1
    api-key-entries:
      - api-key: sk-relay-0123456789abcdef
    models:
      - name: glm-4.7
        alias: glm
"""
FILE = json.dumps(
    {
        "type": "codex",
        "email": "eve@example.com",
        "access_token": "a-1",
        "refresh_token": "r-1",
        "expired": "2036-01-01T00:00:00Z",
    }
).encode()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    home = tmp_path_factory.mktemp("upstream")
    port = free_port()
    (home / "auths").mkdir()
    (home / "config.yaml").write_text(CONFIGURATION.format(port=port, home=home))
    environment = {**os.environ, "MANAGEMENT_PASSWORD": KEY, "HOME": str(home)}
    server = subprocess.Popen(
        [BINARY, "-config", "config.yaml"],
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            httpx.get(url)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield f"{url}/v0/management"
    server.terminate()
    server.wait(10)


@pytest.fixture
def upstream(address):
    upstream = make_upstream(management_url=address)
    upstream.store_key(KEY)
    upstream.save()
    return upstream


@pytest.fixture
def client(address):
    return ManagementClient(address, KEY)


def listed(client, name):
    found = auth_file_client.list_auth_files(client, name)
    return auth_file_of(found[0]) if found else None


def done(intent):
    assert (intent.state, intent.error) == (Intent.State.VERIFIED, "")
    return intent


def test_account_from_upload_to_deletion(upstream, client):
    ada, name = make_user(), "codex-eve.json"
    done(account_actions.upload(upstream, ada, name, FILE))
    assert Account.objects.get().owner == ada
    with pytest.raises(ChangeRefused, match="exists"):
        account_actions.upload(upstream, ada, name, FILE)
    with pytest.raises(ChangeRefused, match="connected already"):
        account_actions.upload(upstream, ada, "other.json", FILE)
    done(account_actions.switch(upstream, ada, name, disabled=True))
    assert listed(client, name).health(None) == Health.DISABLED
    done(account_actions.switch(upstream, ada, name, disabled=False))
    done(
        account_actions.edit(
            upstream, ada, name, {"note": "spare", "priority": 5, "weight": 3, "prefix": "/team/"}
        )
    )
    file, content = listed(client, name), auth_file_client.auth_file_content(client, name)
    assert (file.note, file.priority, file.weight, content["prefix"], content["refresh_token"]) == (
        "spare",
        5,
        3,
        "team",
        "r-1",
    )
    done(
        account_actions.edit(
            upstream, ada, name, {"note": None, "priority": None, "weight": None, "prefix": None}
        )
    )
    file = listed(client, name)
    assert (file.note, file.priority or 0, file.weight) == ("", 0, None)
    assert auth_file_client.auth_file_models(client, name)
    account_actions.reset_cooldown(upstream, ada, name)
    done(account_actions.delete(upstream, ada, name))
    assert listed(client, name) is None
    assert not Account.objects.exists()


@pytest.mark.parametrize("setting", [s for s in SETTINGS.values() if s.route], ids=lambda s: s.name)
def test_setting_by_its_route(upstream, client, setting):
    other = (
        setting.choices[1][0]
        if setting.choices
        else not setting.default
        if isinstance(setting.default, bool)
        else setting.default + 1
    )
    done(perform(upstream, SetSwitch(path=setting.route, value=other)))
    assert configuration.present_values(upstream)[setting.name] == other
    done(perform(upstream, SetSwitch(path=setting.route, value=setting.default, opened=other)))


def test_settings_in_the_file_are_in_force_and_comments_stay(upstream, client):
    staff = make_user(staff=True)
    values = {
        "redis-usage-queue-retention-seconds": 600,
        "passthrough-headers": True,
        "disable-cooling": True,
        "transient-error-cooldown-seconds": 7,
    }
    present = configuration.present_values(upstream)
    for intent in configuration.change_settings(upstream, staff, values, present):
        done(intent)
    now = configuration.present_values(upstream)
    assert {name: now[name] for name in values} == values
    assert "# the first" in config_client.read_configuration(client)


def test_file_is_saved_with_its_secrets_and_rolled_back(upstream, client):
    staff = make_user(staff=True)
    before = configuration.opened_version(upstream)
    edited = configuration.hidden_text(before.text).replace(
        "debug: false", "debug: true # while we look"
    )
    assert "sk-relay" not in edited
    done(
        configuration.save(
            upstream, staff, before, configuration.edited_text(before, edited), "a look"
        )
    )
    text = config_client.read_configuration(client)
    assert value_at(text, ("debug",)) == "true"
    assert "sk-relay-0123456789abcdef" in text
    assert "while we look" in text
    assert config_client.read_switch(client, "debug") is True
    with pytest.raises(ChangeRefused, match="Nothing is changed"):
        configuration.save(upstream, staff, configuration.opened_version(upstream), text)
    late = configuration.save(upstream, staff, before, before.text + "# late\n")
    assert (late.state, late.error_code) == (Intent.State.FAILED, "CONFLICT")
    done(configuration.roll_back(upstream, staff, configuration.opened_version(upstream), before))
    assert config_client.read_switch(client, "debug") is False


@pytest.mark.parametrize(
    ("line", "reported"),
    [("debug: [1]", "cannot unmarshal"), ("request-retry: many", "cannot unmarshal")],
)
def test_refusal_of_a_file_states_why(upstream, line, reported):
    before = configuration.opened_version(upstream)
    name = line.split(":")[0]
    text = (
        "\n".join(row for row in before.text.splitlines() if not row.startswith(f"{name}:"))
        + f"\n{line}\n"
    )
    intent = configuration.save(upstream, make_user(staff=True), before, text)
    assert intent.state == Intent.State.FAILED
    assert reported in intent.error


def test_custom_provider_from_adding_to_removal(upstream, client, settings):
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.1"]
    ada = make_user(staff=True)
    fields = {
        "name": "mine",
        "base-url": "http://127.0.0.1:9/v1",
        "api-key-entries": [
            {"api-key": "sk-mine-0123456789", "weight": 2},
            {"api-key": "sk-mine-abcdefghij"},
        ],
        "models": [{"name": "m-1", "alias": "one"}],
        "headers": {"X-Team": "blue"},
        "prefix": "team",
    }
    done(custom_actions.create(upstream, ada, fields))
    row = find_custom(upstream, ada, "mine")
    assert row.listed.is_loaded
    done(
        custom_actions.edit(
            upstream,
            ada,
            row,
            {
                "prefix": None,
                "models": [{"name": "m-1", "alias": "uno"}, {"name": "m-2"}],
                "priority": 4,
            },
        )
    )
    row = find_custom(upstream, ada, "mine")
    assert (row.models[0]["alias"], row.listed.entry["priority"], row.listed.entry["headers"]) == (
        "uno",
        4,
        {"X-Team": "blue"},
    )
    group = custom_actions.save_group(upstream, ada, "both", "blue")
    for name in ("mine", "relay"):
        custom_actions.place_provider(
            upstream, ada, find_custom(upstream, ada, name), Place(group=group, group_given=True)
        )
    for disabled in (True, False):
        done(custom_actions.switch_group(upstream, ada, group, disabled=disabled))
        assert {row.listed.is_disabled for row in custom_rows(upstream, ada)} == {disabled}
    done(custom_actions.move(upstream, ada, find_custom(upstream, ada, "mine"), up=True))
    assert [row.name for row in custom_rows(upstream, ada)] == ["mine", "relay"]
    done(custom_actions.order(upstream, ada, ["relay"]))
    assert [row.name for row in custom_rows(upstream, ada)] == ["relay", "mine"]
    done(custom_actions.remove(upstream, ada, find_custom(upstream, ada, "mine")))
    assert [row.name for row in custom_rows(upstream, ada)] == ["relay"]


@pytest.mark.parametrize("flow", ["anthropic", "codex", "antigravity"])
def test_login_is_started_polled_and_cancelled(upstream, flow):
    login = logins.begin(upstream, make_user(), "session", flow)
    assert poll(login).status == AccountLogin.Status.WAITING
    assert logins.cancel(login).status == AccountLogin.Status.CANCELLED


def test_code_that_cannot_be_exchanged_ends_with_the_reason(upstream, monkeypatch):
    monkeypatch.setattr(polling, "POLL_SECONDS", 0)
    login = logins.begin(upstream, make_user(), "session", "anthropic")
    login = logins.deliver(login, f"http://localhost:54545/callback?code=x&state={login.state}")
    for _ in range(100):
        login = poll(login)
        if not login.is_open:
            break
        time.sleep(0.1)
    assert login.status == AccountLogin.Status.FAILED
    assert "Failed to exchange" in login.detail


def test_denial_is_reported(upstream, monkeypatch):
    monkeypatch.setattr(polling, "POLL_SECONDS", 0)
    login = logins.begin(upstream, make_user(), "session", "codex")
    login = logins.deliver(
        login, f"http://localhost:1455/auth/callback?error=access_denied&state={login.state}"
    )
    for _ in range(50):
        login = poll(login)
        if not login.is_open:
            break
        time.sleep(0.1)
    assert login.status == AccountLogin.Status.FAILED


def test_device_login_without_a_network_says_so(upstream):
    with pytest.raises(Exception, match="authorization"):
        logins.begin(upstream, make_user(), "session", "kimi")
