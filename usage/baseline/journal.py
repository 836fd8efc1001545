"""What was captured so far, line by line on disk, so that an interrupted capture loses nothing.

The first line names the capture; each other one is a sample. A line that was cut off by a crash is
ignored. `elapsed` counts only the time in which a capture ran.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any


class AnotherCapture(Exception):
    """The journal belongs to a capture of something else; the message says what to do."""


class Journal:
    """An append-only file of samples. Raises AnotherCapture when opened."""

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        self.samples: list[dict[str, Any]] = []
        lines = list(_lines(path)) if path.exists() else []
        if lines and lines[0] != identity:
            raise AnotherCapture(
                f"{path} belongs to a capture of {lines[0].get('url')} with other settings; finish"
                " that one, or remove the file"
            )
        self.samples = lines[1:]
        self._file = path.open("a" if lines else "w")
        if lines:
            self._file.write("\n")  # ends a line that was cut off
        else:
            self._write(identity)

    @property
    def elapsed(self) -> float:
        """Seconds of the capture that are done."""
        return max((float(sample["elapsed"]) for sample in self.samples), default=0.0)

    def add(self, sample: dict[str, Any]) -> None:
        self.samples.append(sample)
        self._write(sample)

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
