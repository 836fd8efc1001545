"""The spool: popped bytes on disk until the database has them.

A popped page exists nowhere else, so its bytes are written here as they arrive, before anybody looks at them.

    <spool>/<upstream id>/<name>.part   a page being received, or cut off by a crash or a broken connection
    <spool>/<upstream id>/<name>.page   a page received whole, synced to disk with its directory

Invariants
* Whoever writes or ingests a file holds its `flock`; the kernel frees the lock of a killed process, so a file that can be
  locked belongs to nobody and is left over.
* A file is removed only after the transaction that stored its elements has committed. Ingesting one twice is harmless
  (identity of events, name and position of dead letters).
* A `.part` is ingested like a page: the elements that arrived whole are stored, the rest becomes a dead letter.

Failure rules: a full or broken disk raises SpoolError before the next pop; files have mode 0600 because pages hold keys.
The spool is local to its host; every host's collector looks after its own.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

PART = ".part"
PAGE = ".page"


class SpoolError(Exception):
    """The spool cannot be written; nothing more may be popped."""


def directory_of(upstream_id: int) -> Path:
    """The upstream's folder, made if need be; raises SpoolError."""
    path = Path(settings.SPOOL_DIR) / str(upstream_id)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SpoolError(f"cannot make the spool folder: {error.strerror}") from error
    return path


class SpoolFile:
    """A page on its way to the database; open and locked by this process."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    @property
    def name(self) -> str:
        """The name under which dead letters remember the page; the same whether it came whole or not."""
        return self.path.stem

    def write(self, chunk: bytes) -> None:
        """Add bytes as they arrive; raises SpoolError."""
        try:
            self._file.write(chunk)
        except OSError as error:
            raise SpoolError(f"cannot write the spool: {error.strerror}") from error

    def complete(self) -> None:
        """Make the page durable under its final name; raises SpoolError."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            final = self.path.with_suffix(PAGE)
            self.path.rename(final)
            self.path = final
            _sync_directory(final.parent)
        except OSError as error:
            raise SpoolError(f"cannot sync the spool: {error.strerror}") from error

    def read(self) -> bytes:
        """All bytes so far; raises SpoolError."""
        try:
            self._file.flush()
            return self.path.read_bytes()
        except OSError as error:
            raise SpoolError(f"cannot read the spool: {error.strerror}") from error

    def remove(self) -> None:
        """Forget the page: its elements are stored."""
        self.path.unlink(missing_ok=True)


@contextmanager
def new_file(upstream_id: int) -> Iterator[SpoolFile]:
    """A new file to receive a page into; it stays on disk unless removed. Raises SpoolError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    path = directory_of(upstream_id) / f"{stamp}-{secrets.token_hex(4)}{PART}"
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    except OSError as error:
        raise SpoolError(f"cannot make a spool file: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield SpoolFile(path, file)
    finally:
        _close(file)


def _close(file: BinaryIO) -> None:
    # A full disk refuses the last flush; that was reported when it mattered, by `complete`.
    with contextlib.suppress(OSError):
        file.close()


def left_over(upstream_id: int) -> Iterator[SpoolFile]:
    """The files that no living process works on, oldest first, each locked while the caller has it."""
    for path in sorted(directory_of(upstream_id).glob("*.pa[rg][te]")):
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            # Between listing and locking, its owner may have renamed or removed it.
            if path.exists():
                yield SpoolFile(path, file)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
