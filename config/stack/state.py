"""What a running stack publishes to other processes on the same folder: a file, believed only
while the stack holds its lock."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class StackState:
    """A running stack: its pid, the dashboard's URL, since when (ISO 8601), and the upstream that
    it serves."""

    pid: int
    url: str
    started_at: str
    management_url: str
    management_key: str


def take_lock(var_dir: Path) -> IO[str] | None:
    """The lock that makes this process the folder's stack, to be kept open; None if another has
    it."""
    var_dir.mkdir(parents=True, exist_ok=True)
    lock = (var_dir / "stack.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def write_state(var_dir: Path, state: StackState) -> None:
    """Publish the state; only its owner may read the file, which holds a secret."""
    path = var_dir / "stack.json"
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file)
    unfinished.rename(path)


def running_stack(var_dir: Path) -> StackState | None:
    """The stack that runs on this folder, if one does."""
    if not (var_dir / "stack.json").exists():
        return None
    if (lock := take_lock(var_dir)) is not None:
        lock.close()
        return None
    try:
        return StackState(**json.loads((var_dir / "stack.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
