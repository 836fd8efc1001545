"""The spool: popped bytes on disk until the database has them.

A popped page exists nowhere else, so its bytes are written here as they arrive, before anything
reads them.

    <spool>/<upstream id>/<name>.part   a page being received, or cut off by a crash or a broken
                                        connection
    <spool>/<upstream id>/<name>.page   a page received whole, synced to disk with its directory

Invariants
* A process that writes or ingests a file holds its `flock`; the kernel frees the lock of a killed
  process, so a file that can be locked belongs to no living process and is left over.
* A chunk is with the kernel before the next is read: killing the process loses nothing that it
  received.
* A file is removed only after the transaction that stored its elements has committed. Ingesting one
  twice is harmless (identity of events, name and position of dead letters).
* A `.part` is ingested like a page: the elements that arrived whole are stored, the rest becomes a
  dead letter.

Failure rules
* Room for a page is reserved before it is popped: a full or broken disk raises SpoolError, and
  nothing is popped.
* Should the disk fail all the same while a page arrives, the page is kept in memory, `error` is
  set, and it can be stored from there; the run then fails, so that nothing more is popped.
* Files have mode 0600 because pages hold keys.
The spool is local to its host; every host's collector stores its own.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from django.conf import settings
from django.utils.translation import gettext_noop as _

from monitoring.failpoints import around
from monitoring.texts.recorded import Recorded

PART = ".part"
PAGE = ".page"
# Where an event is larger on the average, the rest of its page has to find room when it comes.
RESERVED_BYTES_PER_EVENT = 2048
_NO_FOLDER = Recorded(_("cannot make the spool folder: %(reason)s"))
_NO_FILE = Recorded(_("cannot make a spool file: %(reason)s"))
_NOT_WRITTEN = Recorded(_("cannot write the spool: %(reason)s"))
_NOT_READ = Recorded(_("cannot read the spool: %(reason)s"))


class SpoolError(Exception):
    """The spool cannot be written; nothing more may be popped."""


def directory_of(upstream_id: int) -> Path:
    """The upstream's folder, made if need be; raises SpoolError."""
    path = Path(settings.SPOOL_DIR) / str(upstream_id)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SpoolError(_NO_FOLDER(reason=error.strerror)) from error
    return path


class SpoolFile:
    """A page on its way to the database; open and locked by this process until closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.error: SpoolError | None = None
        self._descriptor = descriptor
        self._received: list[bytes] = []

    def __enter__(self) -> "SpoolFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the lock; a file that was not removed is left over."""
        os.close(self._descriptor)

    @property
    def name(self) -> str:
        """The name under which dead letters record the page; the same whether it came whole or
        not."""
        return self.path.stem

    @property
    def is_whole(self) -> bool:
        """Whether the page is known to be received to its end."""
        return self.path.suffix == PAGE

    @property
    def written_at(self) -> datetime:
        """When it was last written, on this host's clock."""
        return datetime.fromtimestamp(os.fstat(self._descriptor).st_mtime, UTC)

    def write(self, chunk: bytes) -> None:
        """Add bytes as they arrive; if the disk refuses them, they are only in memory and `error`
        is why."""
        self._received.append(chunk)
        if self.error is None:
            with around("spool write"), self._noting_errors():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]

    def complete(self) -> None:
        """Make the page durable under its final name, or leave in `error` why that cannot be
        done."""
        if self.error is None:
            with around("spool sync"), self._noting_errors():
                os.ftruncate(self._descriptor, sum(map(len, self._received)))
                os.fsync(self._descriptor)
                final = self.path.with_suffix(PAGE)
                self.path.rename(final)
                self.path = final
                _sync_directory(final.parent)
                self._received.clear()

    @contextlib.contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = SpoolError(_NOT_WRITTEN(reason=error.strerror))

    def read(self) -> bytes:
        """All bytes of the page; raises SpoolError."""
        if self._received:
            return b"".join(self._received)
        try:
            # What was reserved and never written is zeros, which no JSON holds.
            return self.path.read_bytes().rstrip(b"\0")
        except OSError as error:
            raise SpoolError(_NOT_READ(reason=error.strerror)) from error

    def remove(self) -> None:
        """Forget the page: its elements are stored."""
        with around("spool removal"):
            self.path.unlink(missing_ok=True)


def new_file(upstream_id: int, events: int) -> SpoolFile:
    """A new file with room for a page of so many events; it stays on disk unless removed. Raises
    SpoolError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    path = directory_of(upstream_id) / f"{stamp}-{secrets.token_hex(4)}{PART}"
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.posix_fallocate(descriptor, 0, events * RESERVED_BYTES_PER_EVENT)
    except OSError as error:
        if descriptor >= 0:
            path.unlink()
            os.close(descriptor)
        raise SpoolError(_NO_FILE(reason=error.strerror)) from error
    return SpoolFile(path, descriptor)


def pages_in(folder: Path) -> list[Path]:
    """The pages in an upstream's folder, whole and partial ones, in no order."""
    return [path for path in folder.glob("*") if path.suffix in (PART, PAGE)]


def left_over(upstream_id: int) -> Iterator[SpoolFile]:
    """The files that no living process works on, oldest first, each locked while the caller
    holds it."""
    for path in sorted(pages_in(directory_of(upstream_id))):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        with SpoolFile(path, descriptor) as file:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            # Between listing and locking, its owner may have renamed or removed it.
            if path.exists():
                yield file


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
