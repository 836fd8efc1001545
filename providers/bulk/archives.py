"""The files of an upload, out of a zip or not, read within bounds. Pure.

A zip is not believed: its members are read to the limit of one file and no further, all together to
one budget, whatever sizes it declares. A member is taken only from the top of the archive.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from django.utils.translation import gettext, gettext_noop

from providers.accounts.uploads import LARGEST_UPLOAD
from providers.errors import ChangeRefused

MOST_FILES = 1000
LARGEST_TOGETHER = 64 * 1024 * 1024
_UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)


class Sent(Protocol):
    """A file as the browser sent it."""

    @property
    def name(self) -> str | None: ...

    @property
    def file(self) -> IO[bytes]: ...


@dataclass(frozen=True)
class Candidate:
    """One file by its name; without content it is refused for the reason given, in English
    (monitoring/texts/messages.py)."""

    name: str
    content: bytes | None
    reason: str = ""


def candidates(files: Iterable[Sent]) -> list[Candidate]:
    """Every file, and every member of every zip. Raises ChangeRefused for too many or too much."""
    found, total = list[Candidate](), 0
    for candidate in (one for file in files for one in _of(file)):
        found.append(candidate)
        total += len(candidate.content or b"")
        if len(found) > MOST_FILES:
            message = gettext("At most %(most)s files can be uploaded at once.")
            raise ChangeRefused(message % {"most": MOST_FILES}, "files")
        if total > LARGEST_TOGETHER:
            message = gettext("The files are larger than %(most)s MiB together.")
            raise ChangeRefused(message % {"most": LARGEST_TOGETHER // 1024**2}, "files")
    return found


def _of(file: Sent) -> Iterator[Candidate]:
    name = file.name or ""
    file.file.seek(0)
    if not name.lower().endswith(".zip"):
        yield Candidate(name, file.file.read(LARGEST_UPLOAD + 1))
        return
    try:
        with zipfile.ZipFile(file.file) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield _member(archive, member)
    except _UNREADABLE:
        yield Candidate(name, None, gettext_noop("The archive cannot be read as a zip."))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Candidate:
    name = member.filename
    if "/" in name or "\\" in name:
        return Candidate(
            name, None, gettext_noop("It is in a folder; put the files at the top of the archive.")
        )
    if not name.lower().endswith(".json"):
        return Candidate(name, None, gettext_noop("The name does not end in .json."))
    if member.file_size > LARGEST_UPLOAD:
        message = gettext_noop("The file is larger than %(size)s KiB; an account's file has a few.")
        return Candidate(name, None, message % {"size": LARGEST_UPLOAD // 1024})
    if member.flag_bits & 1:
        return Candidate(
            name, None, gettext_noop("It is encrypted; pack the archive without password.")
        )
    try:
        with archive.open(member) as stream:
            return Candidate(name, stream.read(LARGEST_UPLOAD + 1))
    except _UNREADABLE:
        return Candidate(name, None, gettext_noop("It cannot be read; the archive is damaged."))
