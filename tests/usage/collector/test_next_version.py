"""An upstream newer than any that is known: its events are collected whole, and what is new is kept
with them."""

import re

import pytest
from django.test import Client

from management_proxy.simulator import running_simulator
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import observe
from tests.factories import give_key, make_upstream, make_user
from usage.collector.collect import collect
from usage.models import CollectorRun, DeadLetter, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("profile", "version"),
    [("next", "7.3.8-rc1+build"), ("dev", "dev"), ("v7.3.8-rc1+build", "7.3.8-rc1+build")],
)
def test_events_of_the_next_version_are_kept_with_what_is_new(profile, version):
    with running_simulator(profile=profile, statistics=True, retention=3600) as simulator:
        simulator.control("generate", {"events": 300})
        upstream = make_upstream(management_url=simulator.management_url, usage_interface="")
        give_key(upstream, simulator.key)
        upstream.save()
        observe(upstream, client_for(upstream))
        assert upstream.version == version
        run = collect(upstream, CollectorRun.Trigger.COMMAND)
        page, events = event_page()
    assert isinstance(run, CollectorRun)
    assert (run.status, DeadLetter.objects.count()) == (CollectorRun.Status.SUCCEEDED, 0)
    assert UsageEvent.objects.count() >= 300
    for event in events:
        retryable = str(event.fail_status == 429).lower()
        assert event.details["unknown_fields"] == {
            "fail.retryable": retryable,
            "queue": '{"waited_ms":3,"position":null}',
            "tokens.audio_tokens": "0",
            "upstream_region": "eu-west-1",
        }
    assert re.search(r"<dt>upstream_region</dt>\s*<dd>eu-west-1</dd>", page)


def event_page():
    events = list(UsageEvent.objects.all())
    browser = Client()
    browser.force_login(make_user("ada", staff=True))
    return browser.get(f"/usage/events/{events[0].id}/").content.decode(), events
