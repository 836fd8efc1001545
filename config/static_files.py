"""Static files in fewer bytes: WhiteNoise serves a compressed copy of a text where the browser
takes one, and the copies are made here, since there is no build step that could.

A copy belongs to a path, a size and a time of change; it is written whole or not at all, and used
by every later start. Where none can be written, the file itself is served.
"""

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

_TEXTS = (".css", ".js", ".mjs", ".svg")
_LEAST_BYTES = 500


class CompressedStaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise's, with the compressed copies."""

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        found = super().get_static_file(path, url, stat_cache)
        copy = compressed_copy(Path(path), Path(settings.VAR_DIR) / "static")
        if copy is None:
            return found
        headers = dict(found.alternatives[-1][2])
        del headers["Content-Length"]
        return StaticFile(path, list(headers.items()), encodings={"gzip": str(copy)})


def compressed_copy(file: Path, folder: Path) -> Path | None:
    """The compressed copy of a text, made if it is missing; None where that is not worth it or not
    possible."""
    try:
        seen = file.stat()
        if file.suffix not in _TEXTS or seen.st_size < _LEAST_BYTES:
            return None
        name = hashlib.sha256(f"{file} {seen.st_size} {seen.st_mtime_ns}".encode()).hexdigest()
        copy = folder / f"{name}.gz"
        if not copy.exists():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = folder / f"{name}.{os.getpid()}"
            unfinished.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            unfinished.replace(copy)
    except OSError:
        return None
    return copy
