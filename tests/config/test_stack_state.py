"""What a running stack tells other processes on its folder."""

import json
from pathlib import Path

from config.stack import simulated
from config.stack.state import StackState, running_stack, take_lock, write_state

STATE = StackState(
    pid=7,
    url="http://127.0.0.1:8000/",
    started_at="2026-01-01T00:00:00+00:00",
    management_url="http://127.0.0.1:1/",
    management_key="k",
)


def test_the_state_is_believed_while_the_lock_is_held(tmp_path: Path):
    lock = take_lock(tmp_path)
    write_state(tmp_path, STATE)
    assert running_stack(tmp_path) == STATE
    lock.close()
    assert running_stack(tmp_path) is None


def test_only_its_owner_may_read_it(tmp_path: Path):
    write_state(tmp_path, STATE)
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600


def test_the_lock_is_taken_once(tmp_path: Path):
    with take_lock(tmp_path):
        assert take_lock(tmp_path) is None
    again = take_lock(tmp_path)
    assert again is not None
    again.close()


def test_a_broken_state_is_none(tmp_path: Path):
    with take_lock(tmp_path):
        for text in ("", "{", json.dumps({"pid": 1})):
            (tmp_path / "stack.json").write_text(text)
            assert running_stack(tmp_path) is None


def test_a_simulator_keeps_port_and_key(tmp_path: Path):
    first = simulated.kept_identity(tmp_path)
    assert simulated.kept_identity(tmp_path) == first


def test_a_simulator_whose_identity_was_spoilt_gets_a_new_one(tmp_path: Path):
    first = simulated.kept_identity(tmp_path)
    (tmp_path / "simulator" / "identity.json").write_text("{")
    assert simulated.kept_identity(tmp_path).key != first.key


def test_the_simulated_past_is_delivered_once(tmp_path):
    identity = simulated.Identity(1, "-key")
    assert "--history-days=30" in simulated.command(identity, tmp_path, with_history=True)
    assert "--history-days=0" in simulated.command(identity, tmp_path, with_history=False)
