"""What every test shares: a database, a spool of its own, and an environment without secrets of the
machine."""

import gc
import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db.backends.postgresql.creation import DatabaseCreation
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker, Settings

from management_proxy.client.http import _shared_http
from monitoring.api import probes
from monitoring.api.recent import shared_findings
from monitoring.refusal_counts import forget_refusals
from tests import databases
from tests.factories import Recording, recordings_in
from tests.logged_lines import Checking
from tests.made_once import made_once

# The files that take longest, in the order in which they begin.
LONGEST = (
    "test_staff.py",
    "test_walk.py",
    "test_exercise.py",
    "test_keyboard.py",
    "test_stack.py",
    "test_loop.py",
    "test_others.py",
    "test_smoke.py",
    "test_processes.py",
    "test_in_browser.py",
    "test_polling.py",
    "test_disasters.py",
    "test_recompute.py",
    "test_logs_page.py",
    "test_crashes.py",
    "test_measure.py",
    "test_migrations.py",
    "test_prometheus.py",
    "test_tracing.py",
    "test_slow_callers.py",
)


def pytest_configure() -> None:
    if django_settings.EMBEDDED_POSTGRES:
        from config import embedded_postgres

        embedded_postgres.ensure_running(django_settings.VAR_DIR)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is there once the tests are collected stays, and is no garbage to look for."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that no worker waits for another at the end."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


@pytest.hookimpl(trylast=True)  # once pytest-django lets the database be used
def pytest_unconfigure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("dsession"):  # others ran the tests for this process
        databases.drop_the_migrated()
    if django_settings.EMBEDDED_POSTGRES:
        from config import embedded_postgres

        embedded_postgres.stop_if_unused(django_settings.VAR_DIR)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_test_environment: None,
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    with django_db_blocker.unblock():
        databases.copy_the_migrated()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        databases.wait_for_no_disk()


@pytest.fixture(autouse=True, scope="session")
def checking() -> Iterator[Checking]:
    """Sees every record that this process logs."""
    handler = Checking()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def _lines_are_declared(checking: Checking) -> Iterator[None]:
    yield
    found, checking.found = checking.found, []
    assert found == []


@pytest.fixture(autouse=True, scope="session")
def _what_no_test_changes_is_made_once() -> Iterator[None]:
    with made_once():
        yield


@pytest.fixture(autouse=True, scope="session")
def _databases_are_emptied_quickly_and_dropped_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", databases.empty_databases)
        patch.setattr(DatabaseCreation, "_destroy_test_db", databases.drop)
        yield


@pytest.fixture(autouse=True)
def isolated(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.CLIPROXYAPI_MANAGEMENT_URL = ""
    settings.CLIPROXYAPI_PUBLIC_URL = ""
    settings.MANAGEMENT_API_KEY = ""
    settings.UPSTREAM_IS_SIMULATED = False
    settings.METRICS_TOKEN = ""
    settings.LISTED_ACCOUNTS_SECONDS = 0
    settings.LISTED_ACCOUNTS_LONGEST_SECONDS = 0
    settings.PAGE_PATIENCE_SECONDS = 60  # however slow the machine is
    settings.COLLECTOR_API_KEY = "collector-key-for-tests"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    forget_refusals()
    probes.readiness.forget()
    probes.health.forget()
    shared_findings.forget()
    cache.clear()
    yield
    # Connections to upstreams of this test must not outlive it.
    if _shared_http.cache_info().currsize:
        _shared_http().close()
        _shared_http.cache_clear()


@pytest.fixture
def recordings() -> dict[str, list[Recording]]:
    """Every recording of queue pages, by file name."""
    return recordings_in("usage-queue*.jsonl", "older/*.jsonl")
