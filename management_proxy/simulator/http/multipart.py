"""Files of a multipart form; just enough of it for uploads."""

import re
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePosixPath


class BadForm(Exception):
    """The form cannot be read."""


def read_files(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return base name and content of each file, in order."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if not match:
        raise BadForm("no multipart boundary param in Content-Type")
    boundary = b"--" + match.group(1).encode()
    sections = body.split(boundary)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise BadForm("multipart: NextPart: EOF")
    files = [_file(section.removeprefix(b"\r\n")) for section in sections[1:-1]]
    return [file for file in files if file]


def _file(section: bytes) -> tuple[str, bytes] | None:
    head, _, content = section.partition(b"\r\n\r\n")
    headers = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
    name = headers.get_filename()
    if name is None:
        return None
    return PurePosixPath(str(name).replace("\\", "/")).name, content.removesuffix(b"\r\n")
