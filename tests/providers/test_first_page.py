"""A page whose upstream does not respond is shown at once, and its content follows."""

import html
import re
import threading
from contextlib import suppress

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from management_proxy.client.errors import StillWaiting
from management_proxy.client.limits import in_haste
from management_proxy.upstreams.clients import client_for
from providers.accounts import listed
from providers.accounts.states import keep_states, last_known_files
from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from tests.factories import make_user
from tests.pages.upstreams import DOWN, HUNG
from tests.pages.world import signed_in
from tests.providers.conftest import foreign

pytestmark = pytest.mark.django_db
PAGES = (
    "/providers/accounts/",
    "/providers/keys/",
    "/providers/client-keys/",
    "/providers/custom/",
    "/providers/configuration/",
    "/providers/configuration/file/",
    "/providers/configuration/versions/",
    "/connect/",
    # Pages that cannot be composed without it.
    "/providers/accounts/account/?name=claude-carol@example.com.json",
    "/providers/custom/provider/?name=openrouter",
)
LATE = 'data-read-after="0"'


@pytest.fixture
def staff(upstream, settings):
    """A reader who is patient no more; the upstream has accepted the key."""
    cache.clear()
    listed._kept.clear()
    client = signed_in(make_user("ada", staff=True))
    client.get("/providers/custom/")
    settings.PAGE_PATIENCE_SECONDS = 0.2
    return client


def shown(client, path, **headers) -> str:
    return client.get(path, headers=headers).content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_page_comes_at_once_and_its_content_follows(staff, simulator, path):
    simulator.control("faults", HUNG)
    response = staff.get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert LATE in page
    assert "<nav" in page
    assert "<h1>" in page
    assert "cannot be read" not in page
    without_scripts = re.search(r'<noscript><meta http-equiv="refresh" content="0;url=(.*?)"', page)
    simulator.control("faults", method="DELETE")
    bare = path.partition("?")[0]
    for follows in (
        shown(staff, path, **{"Tollgate-Wait": "true"}),
        shown(staff, bare + html.unescape(without_scripts[1])),
    ):
        assert LATE not in follows
        assert "<main" in follows
        assert "Reading" not in follows


def test_keys_and_accounts_that_are_known_are_shown_meanwhile(staff, upstream, simulator):
    foreign(simulator, claude_api_key=[])
    ada = make_user("bea", staff=True)
    fields = {"api-key": "sk-ant-0123456789abcdef"}
    add(upstream, NewKey(FAMILIES["claude"], fields, owner=ada), ada)
    shown(staff, "/providers/accounts/", **{"Tollgate-Wait": "true"})
    simulator.control("faults", HUNG)
    keys = shown(staff, "/providers/keys/")
    assert LATE in keys
    assert "…cdef" in keys
    assert "the last known state" in keys
    accounts = shown(staff, "/providers/accounts/")
    assert LATE in accounts
    assert "claude-carol@example.com" in accounts
    assert "What is shown was read" in accounts


def test_accounts_that_another_process_has_kept_are_shown_meanwhile(staff, upstream, simulator):
    keep_states(upstream, client_for(upstream))
    listed._kept.clear()
    simulator.control("faults", HUNG)
    accounts = shown(staff, "/providers/accounts/")
    assert LATE in accounts
    assert "claude-carol@example.com" in accounts
    assert "What is shown was read" in accounts
    simulator.control("faults", method="DELETE")
    assert LATE not in shown(staff, "/providers/accounts/", **{"Tollgate-Wait": "true"})


def test_kept_accounts_have_no_figures_that_nobody_read(upstream):
    states = keep_states(upstream, client_for(upstream))
    files, read_at = last_known_files(upstream)
    assert read_at == states[0].read_at
    now = timezone.now()
    assert {file.name: file.health(now) for file in files} == {s.name: s.health for s in states}
    assert all(file.is_partial for file in files)


def test_trouble_is_shown_once_it_is_certain(staff, simulator, settings):
    settings.PAGE_PATIENCE_SECONDS = 60
    simulator.control("faults", DOWN)
    page = shown(staff, "/providers/custom/")
    assert "cannot be read now" in page
    assert 'data-read-after="15"' in page
    assert "Try again" in page


def test_one_that_waits_is_not_cut_short_by_one_in_haste(staff, upstream, simulator):
    simulator.control("faults", {**HUNG, "seconds": 1, "count": 1, "when": "after"})
    hasty = threading.Thread(target=_in_haste, args=(upstream,))
    hasty.start()
    assert listed.listed_files(upstream).files
    hasty.join()


def _in_haste(upstream) -> None:
    with in_haste(0.2), suppress(StillWaiting):
        listed.listed_files(upstream)
    connection.close()
