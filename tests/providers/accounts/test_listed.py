"""The list of accounts that pages share: read once for all, and anew after each change."""

import threading

import pytest
from django.db import connection

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import Broken
from providers.accounts import listed as kept
from providers.accounts.actions import switch
from providers.accounts.listed import forget, listed_files
from tests.factories import make_user
from tests.management_proxy.proxied import request_count

pytestmark = pytest.mark.django_db
FILE = "claude-carol@example.com.json"
LIST = "GET /v0/management/auth-files"


@pytest.fixture(autouse=True)
def kept_long(settings):
    settings.LISTED_ACCOUNTS_SECONDS = 60


def test_list_is_read_once_with_its_age(upstream, simulator):
    before = request_count(simulator, LIST)
    first = listed_files(upstream)
    assert listed_files(upstream) is first
    assert request_count(simulator, LIST) == before + 1


def test_list_is_read_anew_after_a_change_by_any_process(upstream, simulator):
    assert not _is_disabled(upstream)
    switch(upstream, make_user("ada", staff=True), FILE, disabled=True)
    assert _is_disabled(upstream)


def _is_disabled(upstream):
    return next(file for file in listed_files(upstream).files if file.name == FILE).is_disabled


def test_list_is_read_anew_when_old_or_forgotten(upstream, settings):
    settings.LISTED_ACCOUNTS_SECONDS = 0
    first = listed_files(upstream)
    settings.LISTED_ACCOUNTS_SECONDS = 60
    second = listed_files(upstream)
    assert second is not first
    forget(upstream)
    assert listed_files(upstream) is not second


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_all_that_come_at_once_share_one_reading(upstream, monkeypatch, fails):
    callers, arrived, reads = 8, threading.Semaphore(0), []
    read = auth_file_client.list_auth_files
    changes = kept._changes

    def counted_changes(upstream):
        found = changes(upstream)
        arrived.release()
        return found

    def slow_read(client):
        reads.append(1)
        for _ in range(callers):
            assert arrived.acquire(timeout=10)
        while len(waiting) < callers - 1:  # the others have found this reading
            waiting_changed.wait(0.01)
        if fails:
            raise Broken("cut")
        return read(client)

    waiting, waiting_changed = [], threading.Event()
    result = kept.Future.result

    def waited(future, timeout=None):
        waiting.append(1)
        return result(future, timeout)

    monkeypatch.setattr(kept, "_changes", counted_changes)
    monkeypatch.setattr(kept.Future, "result", waited)
    monkeypatch.setattr(auth_file_client, "list_auth_files", slow_read)
    outcomes = []

    def call():
        try:
            outcomes.append(listed_files(upstream).read_at)
        except Broken as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(outcomes) == callers
    assert (len(reads), len(set(outcomes))) == (1, 1)
    assert not kept._reading
