"""The throttle on guessing passwords: attempts are counted before they are made, a refusal states
the wait, and no account is locked for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from config.sign_in import throttle
from config.sign_in.models import FailedSignIns
from config.sign_in.throttle import ACCOUNT, ADDRESS, begin_attempt, forget_old
from monitoring.models import AuditEntry
from tests.factories import make_user
from tests.web_server import web_server

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


def sign_in(name: str, password: str, address: str = "192.0.2.1", url: str = "/login/"):
    return Client(REMOTE_ADDR=address).post(url, {"username": name, "password": password})


def is_in(response) -> bool:
    return response.status_code == 302


def fail(times: int, name: str = "ada", address: str = "192.0.2.1") -> list[float]:
    """How long each of so many attempts has to wait, the ones before having waited as long."""
    found = []
    for _ in range(times):
        begin_attempt(name, address)
        found.append(
            round(
                max(
                    (row.wait_until - row.last_at).total_seconds()
                    for row in FailedSignIns.objects.all()
                )
            )
        )
        FailedSignIns.objects.update(wait_until=F("last_at"))
    return found


def test_waits_double_up_to_the_longest():
    assert fail(16, address="") == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@pytest.mark.parametrize("url", ["/login/", "/admin/login/"])
def test_too_many_wrong_passwords_make_even_the_right_one_wait(url):
    make_user("ada", staff=True)
    for _ in range(ACCOUNT.free):
        assert "Too many attempts" not in sign_in("ada", "wrong", url=url).text
    FailedSignIns.objects.update(wait_until=timezone.now() + timedelta(seconds=62))
    refused = sign_in("ada", PASSWORD, url=url)
    assert not is_in(refused)
    assert "Wait 1 minute" in refused.text


def test_the_page_has_the_status_of_a_throttled_request():
    make_user("ada")
    for _ in range(ACCOUNT.free):
        sign_in("ada", "wrong")
    refused = sign_in("ada", "wrong")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 2


def test_attempt_that_has_to_wait_is_not_counted():
    fail(ACCOUNT.free)
    FailedSignIns.objects.update(wait_until=timezone.now() + timedelta(minutes=1))
    before = list(FailedSignIns.objects.order_by("subject").values_list("failures", "wait_until"))
    for _ in range(3):
        assert begin_attempt("ada", "192.0.2.1") > 0
    assert (
        list(FailedSignIns.objects.order_by("subject").values_list("failures", "wait_until"))
        == before
    )


def test_success_forgets_the_failures():
    make_user("ada")
    for _ in range(ACCOUNT.free - 1):
        sign_in("ada", "wrong")
    assert is_in(sign_in("ada", PASSWORD))
    assert not FailedSignIns.objects.exists()


def test_failures_of_the_past_do_not_count():
    fail(ACCOUNT.free + 3)
    FailedSignIns.objects.update(
        last_at=timezone.now() - throttle.WINDOW, wait_until=timezone.now() - throttle.WINDOW
    )
    assert begin_attempt("ada", "192.0.2.1") == 0
    assert set(FailedSignIns.objects.values_list("failures", flat=True)) == {1}


def test_one_address_is_throttled_whatever_names_it_tries():
    for number in range(ADDRESS.free):
        assert begin_attempt(f"name {number}", "192.0.2.1") == 0
    assert begin_attempt("another", "192.0.2.1") > 0
    assert begin_attempt("another", "192.0.2.2") == 0


def test_one_account_is_throttled_from_any_address():
    for number in range(ACCOUNT.free):
        assert begin_attempt("ada", f"192.0.2.{number}") == 0
    assert begin_attempt("ada", "192.0.2.99") > 0
    assert begin_attempt("bob", "192.0.2.99") == 0


def test_strangers_never_keep_an_owner_out():
    make_user("ada")
    assert is_in(sign_in("ada", PASSWORD, "198.51.100.7"))
    for number in range(ACCOUNT.free):
        sign_in("ada", "wrong", f"192.0.2.{number}")
    assert not is_in(sign_in("ada", PASSWORD, "192.0.2.99"))
    assert is_in(sign_in("ada", PASSWORD, "198.51.100.7"))


def test_addresses_of_one_ipv6_network_count_together():
    for number in range(ADDRESS.free):
        begin_attempt(f"name {number}", f"2001:db8::{number:x}")
    assert begin_attempt("another", "2001:db8::ffff") > 0
    assert begin_attempt("another", "2001:db8:0:1::1") == 0


def test_waiting_is_audited_without_a_name_of_no_user():
    make_user("ada")
    for name in ("ada", "my-secret-password"):
        for _ in range(ACCOUNT.free + 1):
            sign_in(name, "wrong", f"address of {name}")
    refused = AuditEntry.objects.filter(action="user.sign_in_braked").order_by("id")
    assert list(refused.values_list("target", "outcome")) == [
        ("ada", "refused"),
        ("an unknown name", "refused"),
    ]
    assert not AuditEntry.objects.filter(target__contains="secret").exists()


def test_old_rows_are_forgotten():
    fail(1)
    FailedSignIns.objects.update(last_at=timezone.now() - timedelta(hours=1))
    forget_old()
    assert not FailedSignIns.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_hundred_attempts_at_once_in_several_processes_are_few(tmp_path: Path):
    make_user("ada")
    with web_server(tmp_path, WEB_WORKERS="2") as server, ThreadPoolExecutor(16) as callers:

        def attempt(_: int) -> int:
            with httpx.Client(base_url=server.url, timeout=60) as browser:
                token = browser.get("/login/").cookies["csrftoken"]
                return browser.post(
                    "/login/",
                    data={"username": "ada", "password": "wrong", "csrfmiddlewaretoken": token},
                ).status_code

        statuses = list(callers.map(attempt, range(48)))
    tried = statuses.count(200)
    assert tried + statuses.count(429) == 48
    # Those that are free, and as many more as waited long enough while this lasted.
    assert ACCOUNT.free <= tried == FailedSignIns.objects.order_by("-failures")[0].failures < 12
