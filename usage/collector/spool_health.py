"""What the doctor checks of the spool of this host: pages that wait in it, and whether it can be
written."""

import contextlib
import fcntl
import tempfile
from pathlib import Path

from django.conf import settings
from django.utils.translation import ngettext

from management_proxy.models import Upstream
from usage.collector.spool import pages_in


def folder_of(upstream_id: int) -> Path:
    """Where the upstream's pages wait."""
    return Path(settings.SPOOL_DIR) / str(upstream_id)


def waiting(upstream_id: int) -> int:
    """How many pages of the upstream no living process works on; 0 as well where the spool cannot
    be read."""
    count = 0
    for path in pages_in(folder_of(upstream_id)):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            count += 1
    return count


def waiting_by_upstream() -> dict[int, int]:
    """The same of every upstream that has such pages, also of paused, removed and unknown ones."""
    folders = [path for path in Path(settings.SPOOL_DIR).glob("*") if path.name.isdecimal()]
    return {int(path.name): count for path in folders if (count := waiting(int(path.name)))}


def unstored(upstream: Upstream) -> str:
    """Why an upstream may not be removed while pages of it wait here: no process would store them
    any more."""
    count = waiting(upstream.pk)
    if not count:
        return ""
    return ngettext(
        "%(count)s popped page waits in the spool of this host: start a collector here, which"
        " stores it within seconds.",
        "%(count)s popped pages wait in the spool of this host: start a collector here, which"
        " stores them within seconds.",
        count,
    ) % {"count": count}


def refusal() -> str:
    """Why nothing can be written to the spool; empty if it can."""
    try:
        path = Path(settings.SPOOL_DIR)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
