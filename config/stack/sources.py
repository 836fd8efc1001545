"""Whether code, templates or translations changed since the last time, for a developed stack
(`make dev`).

Styles and scripts are no matter of it: in debug mode they are read anew at every request.
"""

import time
from pathlib import Path

FOLDERS = (
    "config",
    "locale",
    "management_proxy",
    "monitoring",
    "providers",
    "templates",
    "usage",
)
SUFFIXES = (".py", ".html", ".po")
INTERVAL_SECONDS = 1.0


class Sources:
    """The sources below a project's folder, as they were at the last call of `changed`."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._seen = self._times()
        self._due = time.monotonic() + INTERVAL_SECONDS

    def changed(self) -> str:
        """A file that was written, added or removed since; empty if there is none, and within a
        second of the last call."""
        if time.monotonic() < self._due:
            return ""
        before, self._seen = self._seen, self._times()
        self._due = time.monotonic() + INTERVAL_SECONDS
        return next((name for name, _ in sorted(before.items() ^ self._seen.items())), "")

    def _times(self) -> dict[str, int]:
        return {
            str(file.relative_to(self._project)): _written(file)
            for folder in FOLDERS
            for file in (self._project / folder).rglob("*")
            if file.suffix in SUFFIXES
        }


def _written(file: Path) -> int:
    # An editor that replaces files may take one away between the listing and this.
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
