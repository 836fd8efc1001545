"""The upstream's log file in memory: lines with byte offsets, cursors, and error logs (contract 8.6
and 8.7). Both are kept beside it for the next process (kept.py)."""

import base64
import binascii
import json
import re
import secrets
import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.clock import NANOSECONDS, Clock, go_duration, http_date, local_text
from management_proxy.simulator.http.routing import Refusal, Routes
from management_proxy.simulator.http.wire import (
    Request,
    Response,
    attachment,
    error,
    parse_go_int,
    respond,
)
from management_proxy.simulator.kept import Kept

LONGEST_LOG = 50_000
MASKED = re.compile(r"([?&][^=&]*(?:api-key|key|token|secret)[^=&]*=)[^&]*", re.IGNORECASE)
LEVELS = ((500, "error", 93), (400, "warn ", 95), (0, "info ", 97))
NO_REQUEST = "--------"


@dataclass(frozen=True)
class Line:
    """One log line and the byte after it."""

    second: int
    text: str
    end: int


class LogFile:
    """`main.log`."""

    def __init__(self, clock: Clock, offset_minutes: int, kept: Kept) -> None:
        self._clock = clock
        self._offset = offset_minutes
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._fingerprint = secrets.token_urlsafe(12)
        self._size = 0
        self._kept = kept
        for second, text in kept.lines():
            self._add(second, text)

    def write(
        self,
        level: str,
        source: str,
        message: str,
        request_id: str = NO_REQUEST,
        at: float | None = None,
    ) -> None:
        """Add a line of now, or of an instant before that is not before the last line's."""
        now = self._clock() if at is None else at
        stamp = local_text(now, self._offset, "%Y-%m-%d %H:%M:%S")
        text = f"[{stamp}] [{request_id}] [{level}] [{source}] {message}"
        with self._lock:
            self._kept.add_line((int(now), text))
            if self._add(int(now), text):
                self._kept.replace_lines((line.second, line.text) for line in self._lines)

    def _add(self, second: int, text: str) -> bool:
        """Add a line; whether the oldest had to go for it."""
        self._size += len(text.encode("utf-8", "replace")) + 1
        self._lines.append(Line(second, text, self._size))
        is_full = len(self._lines) > LONGEST_LOG
        if is_full:
            del self._lines[: LONGEST_LOG // 2]
        return is_full

    def note_request(
        self,
        status: int,
        address: str,
        method: str,
        target: str,
        request_id: str = NO_REQUEST,
        at: float | None = None,
        milliseconds: int = 0,
    ) -> None:
        level, line = next((name, line) for least, name, line in LEVELS if status >= least)
        shown = MASKED.sub(r"\1***", target)
        message = f'{status} | {_took(milliseconds):>13} | {address:>15} | {method:<7} "{shown}"'
        self.write(level, f"gin_logger.go:{line}", message, request_id, at)

    def tail(self, limit: int | None) -> list[Line]:
        with self._lock:
            return self._lines[-limit:] if limit else list(self._lines)

    def after_offset(self, offset: int) -> list[Line]:
        with self._lock:
            return self._lines[bisect_right(self._lines, offset, key=lambda line: line.end) :]

    def cursor(self, offset: int | None = None) -> str:
        """The place behind the line that ends at `offset`, else behind the last."""
        with self._lock:
            last = self._lines[-1].second if self._lines else 0
            place = {
                "v": 1,
                "file": "main.log",
                "offset": self._size if offset is None else offset,
                "size": self._size,
                "modTime": last,
                "modTimeUnixNano": last * NANOSECONDS,
                "latestTimestamp": last,
                "fingerprint": self._fingerprint,
            }
        return (
            base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode())
            .decode()
            .rstrip("=")
        )

    def offset_of(self, cursor: str) -> int | None:
        """Return where a cursor points, or None when it belongs to no file that is still there."""
        try:
            place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, binascii.Error):
            return None
        if not isinstance(place, dict) or place.get("fingerprint") != self._fingerprint:
            return None
        offset = place.get("offset")
        return offset if isinstance(offset, int) and 0 <= offset <= self._size else None

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()
            self._kept.replace_lines([])
            self._size = 0
            self._fingerprint = secrets.token_urlsafe(12)


@dataclass(frozen=True)
class ErrorLog:
    """The recorded exchange of one failed request."""

    name: str
    content: bytes
    modified: int


def _error_log(fields: dict[str, Any]) -> ErrorLog:
    """One as it was kept."""
    return ErrorLog(fields["name"], fields["content"].encode(), fields["modified"])


class LogRoutes:
    """Logs over HTTP; `setting` reads the live configuration."""

    def __init__(
        self,
        log: LogFile,
        clock: Clock,
        offset_minutes: int,
        setting: Callable[[str], Any],
        kept: Kept,
    ) -> None:
        self.log = log
        self._clock = clock
        self._offset = offset_minutes
        self._setting = setting
        self.errors = [_error_log(fields) for fields in kept.error_logs()]
        self._kept = kept

    def routes(self) -> Routes:
        return {
            ("GET", "logs"): self.read,
            ("DELETE", "logs"): self.clear,
            ("GET", "request-error-logs"): self.error_logs,
            ("GET", "request-error-logs/"): self.error_log,
            ("GET", "request-log-by-id/"): self.by_id,
            ("GET", "request-log-by-id"): lambda _request: error(400, "missing request ID"),
        }

    def _require_file(self) -> None:
        if not self._setting("logging-to-file"):
            raise Refusal(error(400, "logging to file disabled"))

    def read(self, request: Request) -> Response:
        self._require_file()
        limit = _limit(request.first("limit"))
        cursor = request.first("cursor")
        after = parse_go_int(request.first("after").strip()) or 0
        next_cursor = self.log.cursor()
        reset = False
        if cursor:
            offset = self.log.offset_of(cursor)
            reset = offset is None
            if offset is None:
                lines = self.log.tail(limit)
            elif lines := self.log.after_offset(offset)[:limit]:  # the oldest: nothing is skipped
                next_cursor = self.log.cursor(lines[-1].end)
            scanned = len(lines)
        else:
            lines, scanned = self._scan(after, limit)
        shown = lines[-limit:] if limit and not cursor else lines
        page: dict[str, Any] = {"cursor-reset": True} if reset else {}
        page["latest-timestamp"] = max((line.second for line in lines), default=after)
        page["line-count"] = scanned
        page["lines"] = [line.text for line in shown]
        page["next-cursor"] = next_cursor
        return respond(page)

    def _scan(self, after: int, limit: int | None) -> tuple[list[Line], int]:
        if not after:
            lines = self.log.tail(limit)
            return lines, len(lines)
        every = self.log.tail(None)
        return [line for line in every if line.second > after], len(every)

    def clear(self, _request: Request) -> Response:
        self._require_file()
        self.log.clear()
        return respond({"message": "Logs cleared successfully", "removed": 0, "success": True})

    def note_failure(self, endpoint: str, request_id: str, body: str, at: float) -> None:
        """Keep the exchange of a request that failed at an instant since 1970; only the newest few
        stay."""
        stamp = local_text(at, self._offset, "%Y-%m-%dT%H%M%S")
        route = (
            endpoint.partition(" ")[2].strip("/").replace("/*action", "").replace("/", "-")
            or "request"
        )
        content = (
            f"=== REQUEST INFO ===\nURL: /{route.replace('-', '/')}\nMethod:"
            f" {endpoint.partition(' ')[0]}\nTimestamp: {stamp}\n\n=== REQUEST BODY"
            f" ===\n{{}}\n\n=== RESPONSE ===\n{body}\n"
        )
        name = f"error-{route}-{stamp}-{request_id}.log"
        self.errors.insert(0, ErrorLog(name, content.encode("utf-8", "replace"), int(at)))
        del self.errors[self._setting("error-logs-max-files") or LONGEST_LOG :]
        self._kept.keep_error_logs(
            [{**vars(log), "content": log.content.decode()} for log in self.errors]
        )

    def error_logs(self, _request: Request) -> Response:
        files = [] if self._setting("request-log") else self.errors
        shown = [
            {"name": file.name, "size": len(file.content), "modified": file.modified}
            for file in files
        ]
        return respond({"files": shown})

    def error_log(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        if not name.startswith("error-") or not name.endswith(".log"):
            return error(404, "log file not found")
        return self._file(request, lambda file: file.name == name, "log file not found")

    def by_id(self, request: Request) -> Response:
        request_id = request.path.rpartition("/")[2]
        if not re.fullmatch(r"[A-Za-z0-9_-]+", request_id):
            return error(400, "invalid request ID")
        missing = "log file not found for the given request ID"
        return self._file(request, lambda file: file.name.endswith(f"-{request_id}.log"), missing)

    def _file(self, request: Request, wanted: Callable[[ErrorLog], bool], missing: str) -> Response:
        file = next((one for one in self.errors if wanted(one)), None)
        if file is None:
            return error(404, missing)
        return attachment(
            file.name, file.content, http_date(file.modified), request.headers.get("range", "")
        )


def _took(milliseconds: int) -> str:
    """How long a request took, as the log has it: `340ms`, `12.3s`, `1m5s`."""
    if milliseconds >= 60_000:
        return go_duration(milliseconds // 1000)
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{milliseconds}ms" if milliseconds else "0s"


def _limit(text: str) -> int | None:
    if not text.strip():
        return None
    number = parse_go_int(text.strip())
    if number is None:
        raise Refusal(error(400, "invalid limit: must be a positive integer"))
    if number <= 0:
        raise Refusal(error(400, "invalid limit: must be greater than zero"))
    return number
