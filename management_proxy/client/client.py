"""The client of the upstream's management API: one request function, and what the collector asks
(contract 1, 2, 8, 10).

Other operations stand in modules beside this one, over `ManagementClient.call`.
Every method raises only members of the tree in `management_proxy.client.errors`. Limits are
explicit: connecting, each wait for bytes, and the whole exchange. Nothing is retried here. The key
is never absent from a request: a client without one cannot be made. A 401 or a ban is told to
`on_blocked` before it is raised, so that every caller in every process stops; `before_first` is
done before the first request and may raise in its place
(management_proxy/upstreams/verification.py).
"""

import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import httpx
import msgspec

from management_proxy.client.certificates import trusted_authorities
from management_proxy.client.errors import (
    AnswerTimeout,
    AnswerTooLarge,
    Banned,
    Blocked,
    KeyRejected,
    NotFound,
    NotReached,
    Refused,
    ServerFault,
    Uncertain,
    Unintelligible,
    UpstreamError,
)

CONNECT_SECONDS = 5.0
DEFAULT_RETENTION_SECONDS = 60
LONGEST_RETENTION_SECONDS = 3600
# Added to the duration that a ban's text states, since it is rounded.
BAN_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Limits:
    """Bounds of one exchange: seconds for each wait and in total, and bytes of the answer."""

    read: float
    total: float
    answer_bytes: int


SMALL = Limits(read=10, total=10, answer_bytes=64 * 1024)
CONFIGURATION = Limits(read=15, total=15, answer_bytes=16 * 1024 * 1024)
# The pop is destructive: giving up early loses the page, so it waits long (contract 2.3) and takes
# much.
POP = Limits(read=60, total=120, answer_bytes=512 * 1024 * 1024)


# A write of the configuration, which saves the whole file before it answers (contract 6.1, 10).
WRITE = Limits(read=15, total=15, answer_bytes=64 * 1024)


@dataclass(frozen=True)
class Answer:
    """A complete answer: raw body, the server's version (empty if it tells none) and its clock
    (None if it tells none)."""

    body: bytes
    version: str
    server_time: datetime | None
    status: int = 200


@dataclass(frozen=True)
class UsageSettings:
    """What of the upstream's configuration decides whether events reach the queue and how long they
    stay."""

    statistics_enabled: bool
    retention_seconds: int
    version: str
    server_time: datetime | None = None


class ManagementClient:
    """Calls one upstream with one key; may be shared between threads."""

    def __init__(
        self,
        management_url: str,
        key: str,
        *,
        before_first: Callable[[], None] | None = None,
        on_blocked: Callable[[Blocked], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not key.strip():
            raise ValueError(
                "a management key is required: a request without one counts towards a ban"
            )
        self._url = management_url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept-Encoding": "identity",
            "User-Agent": "tollgate",
        }
        self._before_first, self._on_blocked = before_first, on_blocked
        self._http = httpx.Client(transport=transport) if transport else _http()

    def pop_usage(self, count: int, receive: Callable[[bytes], None]) -> Answer:
        """Take up to `count` events off the queue; what is popped exists nowhere else any more
        (contract 2.1).

        The page goes to `receive` chunk by chunk as it arrives, so that what reached us survives a
        broken connection; the answer's own body stays empty. What `receive` raises passes through.
        """
        return self.call("GET", "usage-queue", POP, params={"count": str(count)}, receive=receive)

    def usage_settings(self) -> UsageSettings:
        """The statistics switch and the retention, from `GET /config` (contract 2.3, 8.1)."""
        answer = self.call("GET", "config", CONFIGURATION)
        config = json_object(answer.body)
        retention = config.get("redis-usage-queue-retention-seconds")
        return UsageSettings(
            statistics_enabled=config.get("usage-statistics-enabled") is True,
            retention_seconds=effective_retention(retention if isinstance(retention, int) else 0),
            version=answer.version,
            server_time=answer.server_time,
        )

    def statistics_enabled(self) -> bool:
        """The statistics switch alone; also the cheapest authenticated probe (contract 8.4, 9)."""
        value = json_object(self.call("GET", "usage-statistics-enabled", SMALL).body).get(
            "usage-statistics-enabled"
        )
        if not isinstance(value, bool):
            raise Unintelligible("the statistics switch is neither true nor false", 200)
        return value

    def call(
        self,
        method: str,
        path: str,
        limits: Limits,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        files: Any = None,
        accept: Collection[int] = (200,),
        receive: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Send one request below the management URL, once; any status outside `accept` is raised as
        what it stands for.

        `json`, `content` or `files` (multipart, as httpx takes them) is the body; `receive` takes
        the answer's in chunks.
        """
        if self._before_first:
            self._before_first()
            self._before_first = None
        timeout = httpx.Timeout(limits.read, connect=CONNECT_SECONDS)
        request = self._http.build_request(
            method,
            f"{self._url}/{path}",
            params=params,
            headers=self._headers,
            timeout=timeout,
            json=json,
            content=content,
            files=files,
        )
        try:
            response, body = self._exchange(request, limits, receive)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise NotReached(f"cannot connect: {error}") from error
        except httpx.TimeoutException as error:
            raise AnswerTimeout(f"no answer within {limits.read:g} s") from error
        except httpx.HTTPError as error:
            raise Uncertain(f"the connection broke: {error}") from error
        if response.status_code not in accept:
            raise self._refusal(response, body)
        return Answer(
            body, version_of(response.headers), _server_time(response.headers), response.status_code
        )

    def _exchange(
        self, request: httpx.Request, limits: Limits, receive: Callable[[bytes], None] | None
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + limits.total
        response = self._http.send(request, stream=True)
        try:
            chunks: list[bytes] = []
            take = receive if receive and response.status_code == 200 else chunks.append
            size = 0
            for chunk in response.iter_raw():
                take(chunk)
                size += len(chunk)
                if size > limits.answer_bytes:
                    raise AnswerTooLarge(f"the answer exceeds {limits.answer_bytes} bytes")
                if time.monotonic() > deadline:
                    raise AnswerTimeout(f"the answer took longer than {limits.total:g} s")
            return response, b"".join(chunks)
        finally:
            response.close()

    def _refusal(self, response: httpx.Response, body: bytes) -> UpstreamError:
        error = refusal_of(response.status_code, body, datetime.now(UTC))
        if isinstance(error, Blocked) and self._on_blocked:
            self._on_blocked(error)
        return error


_making = threading.Lock()


def _http() -> httpx.Client:
    # A cache lets threads that come first together make one each, of which all but the last are
    # lost with their connections.
    with _making:
        return _shared_http()


@lru_cache(maxsize=1)
def _shared_http() -> httpx.Client:
    # Redirects are never followed: they could carry the key elsewhere. The environment's proxies do
    # not apply.
    return httpx.Client(
        verify=trusted_authorities(),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=64, keepalive_expiry=8),
    )


def refusal_of(status: int, body: bytes, now: datetime) -> UpstreamError:
    """The error that an answer with another status than 200 stands for (contract 1.3)."""
    text = _error_text(body)
    if status == 401:
        return KeyRejected(text or "the management key was refused")
    if status == 403 and (remaining := ban_duration(text)) is not None:
        return Banned(text, now + remaining + BAN_MARGIN)
    if status == 404:
        return NotFound(text or "not found; is management switched off, or the URL wrong?", status)
    if status >= 500:
        return ServerFault(text or f"status {status}", status)
    return Refused(text or f"status {status}", status)


def _error_text(body: bytes) -> str:
    """The upstream's `error` and `message`, cut short; a body of another form is not repeated,
    since it may hold anything."""
    try:
        answer = msgspec.json.decode(body)
        told = [
            text for text in (answer.get("error"), answer.get("message")) if isinstance(text, str)
        ]
    except (msgspec.DecodeError, AttributeError, UnicodeDecodeError, RecursionError):
        return ""
    # Go quotes the value that it could not read in backticks, and that may be a key.
    return re.sub(r"`[^`]*`", "`…`", ": ".join(told))[:300]


_GO_DURATION = re.compile(r"Try again in (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)(?:\.\d+)?s)?")


def ban_duration(text: str) -> timedelta | None:
    """How long a ban's text says it lasts (`29m58s`, `1h0m5s`); None if the text tells of no
    ban."""
    if "banned" not in text:
        return None
    found = _GO_DURATION.search(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 30, 0)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def version_of(headers: httpx.Headers) -> str:
    """The version that the server tells, without a leading `v`; `dev` and other words stay as they
    are (contract 1.4)."""
    value: str = headers.get("x-cpa-version", "").strip()[:60]
    return value[1:] if re.match(r"v\d", value) else value


def release_of(version: str) -> tuple[int, int, int] | None:
    """The numbers of a version; None of `dev` and other words."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def effective_retention(seconds: int) -> int:
    """The retention that the upstream applies for a configured value (contract 2.3)."""
    return min(seconds, LONGEST_RETENTION_SECONDS) if seconds > 0 else DEFAULT_RETENTION_SECONDS


def _server_time(headers: httpx.Headers) -> datetime | None:
    try:
        return datetime.strptime(headers.get("date", ""), "%a, %d %b %Y %H:%M:%S GMT").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None


def json_object(body: bytes) -> dict[str, Any]:
    """The object that an answer's body holds. Raises Unintelligible."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unintelligible("the answer is no JSON", 200) from error
    if not isinstance(value, dict):
        raise Unintelligible("the answer is no JSON object", 200)
    return value
