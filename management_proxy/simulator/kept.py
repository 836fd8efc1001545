"""What a simulated server finds again when its process is started anew: its log and error logs, as
a real one has them in files, and since when there is its world, whose troubles end some time.

Everything is in one folder; without one nothing is kept. A line or file that was not written to its
end is left out.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LOG, ERROR_LOGS, BEGAN = "main.log.jsonl", "error-logs.json", "began.json"
# A line of the log: its second since 1970, and its text.
KeptLine = tuple[int, str]


class Kept:
    """The folder of one simulated server; its owners see to it that one thread writes at a time."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def forget(self) -> None:
        """Begin with an empty folder."""
        for name in (LOG, ERROR_LOGS, BEGAN):
            if self._folder:
                (self._folder / name).unlink(missing_ok=True)

    def began(self, now: float) -> float:
        """When the first process of this folder began; now, if that is this one."""
        found = self._read(BEGAN)
        if not isinstance(found, (int, float)):
            found = now
            self._write(BEGAN, now)
        return float(found)

    def lines(self) -> Iterator[KeptLine]:
        """The lines of the log, oldest first."""
        path = self._folder / LOG if self._folder else None
        if path is None or not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    second, text = json.loads(line)
                except ValueError:
                    continue
                yield int(second), str(text)

    def add_line(self, line: KeptLine) -> None:
        if self._folder:
            with (self._folder / LOG).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(line)}\n")

    def replace_lines(self, lines: Iterable[KeptLine]) -> None:
        """Keep these lines and no others."""
        self._replace(LOG, "".join(f"{json.dumps(line)}\n" for line in lines))

    def error_logs(self) -> list[dict[str, Any]]:
        """The error logs, newest first, as they were kept."""
        found = self._read(ERROR_LOGS)
        return found if isinstance(found, list) else []

    def keep_error_logs(self, logs: list[dict[str, Any]]) -> None:
        self._write(ERROR_LOGS, logs)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self._folder / name).read_text()) if self._folder else None
        except (OSError, ValueError):
            return None

    def _write(self, name: str, value: Any) -> None:
        self._replace(name, json.dumps(value))

    def _replace(self, name: str, text: str) -> None:
        if self._folder:
            unfinished = self._folder / f"{name}.unfinished"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(self._folder / name)
