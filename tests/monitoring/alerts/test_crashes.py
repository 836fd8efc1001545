"""SIGKILL between deciding and sending: nothing is lost, every repeat is marked."""

import random
from pathlib import Path

import pytest

from tests.crashing import nursery
from tests.monitoring.alerts.killing import assert_nothing_lost, kill_many, make_flipping_rule
from tests.monitoring.alerts.receiver import make_channel, receiver
from tests.processes import process_environment

pytestmark = pytest.mark.django_db(transaction=True)


def test_killed_evaluations_lose_nothing(tmp_path: Path):
    rule = make_flipping_rule()
    with (
        receiver() as arrived,
        nursery(process_environment(), tmp_path / "log") as processes,
    ):
        make_channel(arrived.url)
        kill_many(processes, rule, 6, random.Random(7))
    assert assert_nothing_lost(arrived)[True] >= 1
