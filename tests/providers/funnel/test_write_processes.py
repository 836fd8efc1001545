"""Several processes change one upstream at the same moment: all changes are kept, none doubled,
also beside a foreign writer."""

import random
import threading
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from management_proxy.client.lists import append_client_key, read_client_keys, replace_list
from providers.drift.actions import reconcile
from providers.models import ClientKey, Intent, ProviderKey
from tests.concurrency import times
from tests.factories import make_user
from tests.providers.funnel.test_write_crashes import workers, world  # noqa: F401
from tests.providers.processes import World

pytestmark = pytest.mark.django_db(transaction=True)


def change_at_once(world: World, live_server) -> None:  # noqa: F811
    """Four keys each from two commands, eight from the web."""
    commands = [
        world.start("client_keys", "create", *(f"c{number}-{n}" for n in range(4)))
        for number in range(2)
    ]
    browser = Client()
    browser.force_login(make_user("ada", staff=True))

    def send(number: int) -> None:
        response = browser.post(
            "/api/client-keys", {"name": f"w-{number}"}, content_type="application/json"
        )
        assert response.status_code in (201, 202), response.content

    times(8, send)
    for command in commands:
        assert world.nursery.wait(command) in (0, 3)


def test_every_change_of_several_processes_is_kept(world: World, live_server):  # noqa: F811
    change_at_once(world, live_server)
    world.assert_agreement(strangers=2)
    assert ClientKey.objects.filter(state="active").count() == 16
    assert len(world.listed()) == 18


def test_what_a_foreign_writer_destroys_is_found_and_put_back(world: World, live_server):  # noqa: F811
    stop = threading.Event()

    def write_at_random() -> None:
        while not stop.wait(random.uniform(0.01, 0.1)):
            if random.random() < 0.5:
                append_client_key(world.client, f"sk-foreign-{random.getrandbits(64):x}")
            else:
                seen = read_client_keys(world.client)
                stop.wait(random.uniform(0, 0.02))
                replace_list(world.client, "api-keys", seen)

    writer = threading.Thread(target=write_at_random)
    writer.start()
    change_at_once(world, live_server)
    stop.set()
    writer.join()
    Intent.objects.filter(state="unknown").update(applied_at=timezone.now() - timedelta(minutes=1))
    reconcile(world.upstream)
    assert ClientKey.objects.filter(state="active").count() == 16
    assert not Intent.objects.filter(state__in=Intent.UNSETTLED).exists()
    strangers = len(world.listed()) - 16
    world.assert_agreement(strangers=strangers)


def test_parallel_additions_never_exceed_the_limit(world: World, live_server, settings):  # noqa: F811
    settings.MAX_PROVIDER_KEYS_PER_USER = 2
    browser = Client()
    browser.force_login(make_user("bob"))
    codes = []

    def send(number: int) -> None:
        body = {"provider": "claude", "apiKey": f"sk-ant-of-bob-{number:010d}"}
        codes.append(
            browser.post("/api/providers/keys", body, content_type="application/json").status_code
        )

    times(6, send)
    assert sorted(codes) == [201, 201, 403, 403, 403, 403]
    assert ProviderKey.objects.count() == 2
