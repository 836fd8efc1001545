"""Real collectors for the tests of what befalls them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import DjangoDbBlocker

from management_proxy.simulator import running_simulator
from tests.crashing import Nursery, nursery
from tests.factories import give_key, make_upstream
from tests.processes import database_url
from tests.usage.world import World

KEY = "management-key-for-tests"


def environment(url: str) -> dict[str, str]:
    """What a collector is started with; none of the upstream, which is a row."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    secrets = {
        "USAGE_HASH_KEY": django_settings.USAGE_HASH_KEY,
        "ENCRYPTION_KEYS": ",".join(django_settings.ENCRYPTION_KEYS),
        "SECRET_KEY": "s" * 50,
    }
    return {
        **inherited,
        **secrets,
        "DATABASE_URL": url,
        "CLIPROXYAPI_MANAGEMENT_URL": "",
        "MANAGEMENT_API_KEY": "",
    }


@pytest.fixture(scope="module")
def workers(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[tuple[Nursery, Path]]:
    """A nursery of collectors, and where they say what they say."""
    log = tmp_path_factory.mktemp("collectors") / "log"
    with django_db_blocker.unblock():
        url = database_url()
    with nursery(environment(url), log) as started:
        yield started, log


@pytest.fixture
def world(workers: tuple[Nursery, Path], transactional_db: None, tmp_path: Path) -> Iterator[World]:
    """A queue whose events everyone can see, and nobody has collected."""
    with running_simulator(
        key=KEY, retention=3600, statistics=True, record_handed_out=True, reload_window=0.0
    ) as simulator:
        upstream = make_upstream(management_url=simulator.management_url)
        give_key(upstream, KEY)
        upstream.save()
        yield World(simulator, upstream, workers[0], tmp_path / "spool", workers[1])
