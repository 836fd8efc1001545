"""The list of accounts that pages share: read once for all, anew after each change, and beside the
page that shows a known one."""

import re
import threading

import pytest
from django.db import connection
from django.test import Client

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import Broken
from management_proxy.models import Upstream
from monitoring.audit import trail
from providers.accounts import listed as kept
from providers.accounts.actions import edit, reset_cooldown, switch
from providers.accounts.listed import known_files, listed_files
from providers.models import Intent
from tests.factories import make_user
from tests.management_proxy.proxied import request_count

pytestmark = pytest.mark.django_db
FILE = "claude-carol@example.com.json"
LIST = "GET /v0/management/auth-files"


@pytest.fixture(autouse=True)
def kept_long(settings, monkeypatch):
    settings.LISTED_ACCOUNTS_SECONDS = 60
    monkeypatch.setattr(kept, "PATIENCE_SECONDS", 0)


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


def test_list_is_read_anew_when_old(upstream, settings):
    first = listed_files(upstream)
    settings.LISTED_ACCOUNTS_SECONDS = 0
    assert listed_files(upstream) is not first


@pytest.mark.parametrize("read", [listed_files, known_files])
def test_list_is_read_anew_after_an_act_that_is_no_intent(upstream, settings, read):
    settings.LISTED_ACCOUNTS_LONGEST_SECONDS = 60
    ada = make_user("ada", staff=True)
    first = read(upstream)
    reset_cooldown(upstream, ada, FILE)
    second = read(upstream)
    assert second is not first
    # A login that another process saw through.
    trail.record(ada, "account.login_connected", FILE, outcome="succeeded")
    assert read(upstream) is not second


class Held:
    """Readings that begin and end when a test wants them to, and fail if it wants."""

    def __init__(self):
        self.begun, self.may_end, self.count = threading.Semaphore(0), threading.Event(), 0
        self.error = None
        self._read = auth_file_client.list_auth_files

    def __call__(self, client):
        self.count += 1
        self.begun.release()
        assert self.may_end.wait(60)
        if self.error:
            raise self.error
        return self._read(client)

    def end(self, upstream):
        """Let the reading under way end, and wait until it has."""
        reading = kept._reading[upstream.pk]
        self.may_end.set()
        reading.exception(10)
        self.may_end.clear()


@pytest.fixture
def known(upstream, settings):
    """A list that is not fresh any more, and known for a minute."""
    settings.LISTED_ACCOUNTS_SECONDS = 0
    settings.LISTED_ACCOUNTS_LONGEST_SECONDS = 60
    return listed_files(upstream)


@pytest.fixture
def held(known, monkeypatch):
    held = Held()
    monkeypatch.setattr(auth_file_client, "list_auth_files", held)
    yield held
    held.may_end.set()


def test_known_list_is_shown_while_one_reading_goes_on_beside(upstream, known, held):
    assert [known_files(upstream) for _ in range(3)] == [known] * 3
    held.end(upstream)
    assert held.count == 1
    renewed = known_files(upstream)
    assert renewed.read_at > known.read_at
    held.end(upstream)
    assert held.count == 2


def test_quick_reading_is_waited_for(upstream, known, monkeypatch):
    monkeypatch.setattr(kept, "PATIENCE_SECONDS", 10)
    assert known_files(upstream).read_at > known.read_at


def test_reading_is_carried_out_without_a_thread(upstream, known, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert known_files(upstream).read_at > known.read_at
    assert not kept._reading


def test_known_list_does_not_hide_a_failing_upstream(upstream, known, held, settings):
    assert known_files(upstream).trouble == ""
    held.error = Broken("cut")
    held.end(upstream)
    shown = known_files(upstream)
    assert (shown.files, shown.read_at, shown.trouble) == (known.files, known.read_at, "cut")
    held.may_end.set()
    with pytest.raises(Broken):
        listed_files(upstream)
    held.error = None
    assert listed_files(upstream).trouble == ""
    assert known_files(upstream).trouble == ""


def test_old_list_is_shown_at_once_for_as_long_as_readings_fail(upstream, known, held, settings):
    settings.LISTED_ACCOUNTS_LONGEST_SECONDS = 0
    held.error = Broken("cut")
    held.may_end.set()
    first = known_files(upstream)
    assert (first.files, first.read_at, first.trouble) == (known.files, known.read_at, "cut")
    held.may_end.clear()  # it hangs from now on
    assert known_files(upstream).files == known.files
    held.error = None
    held.end(upstream)
    held.may_end.set()
    assert listed_files(upstream).trouble == ""


def test_old_list_is_shown_of_an_upstream_that_refuses_us(upstream, known):
    Upstream.objects.filter(pk=upstream.pk).update(access="key_rejected", access_detail="no")
    upstream.refresh_from_db()
    shown = known_files(upstream)
    assert shown.files == known.files
    assert "stopped until an operator restores access" in shown.trouble


def test_page_shows_the_known_list_and_why_it_is_old(upstream, known, held):
    browser = Client()
    browser.force_login(make_user("ada", staff=True))
    known_files(upstream)
    held.error = Broken("cut")
    held.end(upstream)
    page = browser.get("/providers/accounts/").content.decode()
    assert "cannot be read now" in page
    assert re.search(r"What is shown was read\s+<time[^>]*>\d s ago</time>\.", page)
    assert "carol@example.com" in page


def test_changed_list_is_waited_for(upstream, known, held):
    held.may_end.set()
    Intent.objects.create(upstream=upstream, kind="account.switched", change_encrypted=b"")
    assert known_files(upstream).read_at > known.read_at


@pytest.mark.django_db(transaction=True)
def test_no_page_shows_what_was_there_before_a_change_that_is_done(upstream, settings, monkeypatch):
    """Pages that are read all the time, whose readings each end after the change that follows."""
    settings.LISTED_ACCOUNTS_SECONDS, settings.LISTED_ACCOUNTS_LONGEST_SECONDS = 0.05, 60
    ada = make_user("ada", staff=True)
    done, changed, wrong = [0], threading.Condition(), []
    read = auth_file_client.list_auth_files

    def straddling(client, *name):
        began, entries = done[0], read(client, *name)
        if not name:  # not of the change itself
            with changed:
                changed.wait_for(lambda: done[0] > began or done[0] == 5, 10)
        return entries

    def shown():
        file = next(file for file in known_files(upstream).files if file.name == FILE)
        return int(file.note or 0)

    def keep_reading():
        try:
            while (at_least := done[0]) < 5:
                if (found := shown()) < at_least:
                    wrong.append((found, at_least))
        finally:
            connection.close()

    monkeypatch.setattr(auth_file_client, "list_auth_files", straddling)
    readers = [threading.Thread(target=keep_reading) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in (1, 2, 3, 4, 5):
        assert edit(upstream, ada, FILE, {"note": str(number)}).state == "verified"
        with changed:
            done[0] = number
            changed.notify_all()
    for reader in readers:
        reader.join(20)
    assert wrong == []
    assert shown() == 5


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
            assert arrived.acquire(timeout=60)
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
