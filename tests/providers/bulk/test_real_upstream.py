"""Many accounts and keys in one act against a real CLIProxyAPI; only where `CLIPROXYAPI_BINARY`
names one.

unshare -n bash -c 'ip link set lo up; CLIPROXYAPI_BINARY=... .venv/bin/python -m pytest
tests/providers/bulk/test_real_upstream.py'
"""

import json

import pytest

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys, read_entries
from providers.bulk.archives import Candidate
from providers.bulk.carrying_out import carry_on, confirm
from providers.bulk.kinds import SUBJECTS
from providers.bulk.plans import plan_change, plan_upload
from providers.bulk.queries import counts_of
from providers.client_keys.actions import create
from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from providers.models import Account, ClientKey
from tests.factories import make_upstream
from tests.real_upstream import BINARY, KEY, real_server

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not BINARY, reason="CLIPROXYAPI_BINARY names no server"),
]
FILES = 100


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with real_server(tmp_path_factory.mktemp("upstream")) as server:
        yield f"{server.url}/v0/management"


@pytest.fixture
def upstream(address):
    upstream = make_upstream(management_url=address)
    upstream.store_key(KEY)
    upstream.save()
    return upstream


@pytest.fixture
def client(address):
    return ManagementClient(address, KEY)


def carried_out(act):
    """The act's numbers of what was done, failed and is open."""
    assert confirm(act)
    assert carry_on(act, seconds=60)
    counts = counts_of(act)
    return counts.done, counts.failed, counts.open


def act_on(upstream, user, subject, names, verb, value=""):
    things = SUBJECTS[subject].chosen(upstream, user, names)
    return carried_out(plan_change(upstream, user, subject, things, verb, value))


def codex(number):
    account = {
        "type": "codex",
        "email": f"person-{number}@example.com",
        "access_token": f"a-{number}",
        "refresh_token": f"r-{number}",
        "expired": "2036-01-01T00:00:00Z",
    }
    return Candidate(f"codex-{number}.json", json.dumps(account).encode())


def test_a_hundred_accounts_from_upload_to_deletion(upstream, client, ada):
    files = [codex(number) for number in range(FILES)]
    assert carried_out(plan_upload(upstream, ada, files)) == (FILES, 0, 0)
    assert Account.objects.filter(owner=ada).count() == FILES
    names = [file.name for file in files]
    content = auth_file_client.auth_file_content(client, "codex-42.json")
    assert content["refresh_token"] == "r-42"
    for verb, value in (("disable", ""), ("priority", "7"), ("note", "night shift")):
        assert act_on(upstream, ada, "account", names, verb, value) == (FILES, 0, 0)
    listed = [one for one in auth_file_client.list_auth_files(client) if one["name"] in names]
    found = {(one["disabled"], one.get("priority"), one.get("note")) for one in listed}
    assert found == {(True, 7, "night shift")}
    again = plan_upload(upstream, ada, [codex(1)], replaces=True)
    assert carried_out(again) == (1, 0, 0)
    assert act_on(upstream, ada, "account", names, "delete") == (FILES, 0, 0)
    assert not set(names) & {one["name"] for one in auth_file_client.list_auth_files(client)}


def test_client_keys_are_disabled_enabled_and_deleted(upstream, client, ada):
    made = [create(upstream, ada, owner=ada, name=f"key {number}") for number in range(10)]
    names, keys = [str(one.row.pk) for one in made], {one.key for one in made}
    assert act_on(upstream, ada, "client_key", names, "disable") == (10, 0, 0)
    assert not keys & set(read_client_keys(client))
    assert act_on(upstream, ada, "client_key", names, "enable") == (10, 0, 0)
    assert keys <= set(read_client_keys(client))
    assert act_on(upstream, ada, "client_key", names, "delete") == (10, 0, 0)
    assert not keys & set(read_client_keys(client))
    assert set(ClientKey.objects.filter(pk__in=names).values_list("state", flat=True)) == {
        "revoked"
    }


def test_provider_keys_are_switched_prioritised_and_deleted(upstream, client, ada):
    for number in range(5):
        fields = {"api-key": f"sk-ant-{number}-0123456789abcdef"}
        add(upstream, NewKey(FAMILIES["claude"], fields, owner=ada), ada)
    things = SUBJECTS["provider_key"].visible(upstream, ada)
    names = [thing.act_name for thing in things]
    assert act_on(upstream, ada, "provider_key", names, "priority", "3") == (5, 0, 0)
    assert act_on(upstream, ada, "provider_key", names, "disable") == (5, 0, 0)
    entries = read_entries(client, "claude-api-key")
    assert [(one["priority"], one["excluded-models"]) for one in entries] == [(3, ["*"])] * 5
    assert act_on(upstream, ada, "provider_key", names, "enable") == (5, 0, 0)
    assert act_on(upstream, ada, "provider_key", names, "delete") == (5, 0, 0)
    assert read_entries(client, "claude-api-key") == []
