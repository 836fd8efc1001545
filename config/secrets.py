"""Secrets that are generated once beside the embedded database, so that a first start needs no
configuration."""

import os
import secrets
from pathlib import Path


def generated_secret(directory: Path, name: str) -> str:
    """The secret kept in `directory/name`, made on first use with mode 0600. Two first uses at once
    agree on one."""
    path = directory / name
    directory.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_when_written(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text()


def _read_when_written(path: Path) -> str:
    # Another process may have created the file and not written it yet.
    for _ in range(1000):
        if value := path.read_text().strip():
            return value
        os.sched_yield()
    raise RuntimeError(f"{path} is empty; delete it to have a new secret generated")
