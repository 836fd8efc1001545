"""A subscription to an upstream's usage events over RESP, on the port that also speaks HTTP
(contract 4).

    connect --AUTH--> accepted --SUBSCRIBE usage--> subscribed --message, message, ...--> ended

redis-py's connection class speaks the protocol, and TLS; nothing above it is used, because every
command that comes before AUTH and every AUTH with a wrong key counts towards the ban. So the
protocol is 2 (3 would begin with HELLO), the client does not introduce itself, nothing is retried,
and a connection is used once: redis-py would connect and authenticate anew by itself for a read
from one that is closed.

While there is a subscriber, events go to subscribers and not into the queue. The upstream buffers
256 messages for each; one that reads too slowly is cut off, loses the message that found no room,
and the rest goes to the queue again.
"""

import contextlib
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import certifi
from django.utils.translation import gettext_noop as _
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from management_proxy.client.errors import (
    Banned,
    Blocked,
    KeyRejected,
    NotReached,
    Refused,
    Uncertain,
    UpstreamError,
)
from management_proxy.client.limits import CONNECT_SECONDS
from management_proxy.client.responses import BAN_MARGIN, ban_duration
from monitoring.texts.recorded import Recorded

FIRST_WITH_PUSH = (7, 0, 7)
# The upstream sends nothing while nothing happens; a connection that does not return a ping is
# dead.
PING_SECONDS = 10.0
SILENCE_SECONDS = 30.0
# The rest of a message that has begun.
READ_SECONDS = 30.0
# What the upstream sends on the channel beside events.
_CONTROLS = (b'{"support_refresh":true}', b'{"refresh":true}')
MOST_AT_ONCE = 1000
# Before stopping, wait so long for an instant in which no message is on its way.
QUIET_SECONDS = 0.05
LONGEST_QUIET_WAIT = 1.0
_NO_SUBSCRIPTION = Recorded(_("cannot subscribe: %(reason)s"))
_NOT_SUBSCRIBED = Recorded(_("the upstream responded to SUBSCRIBE with something else"))
_ENDED = Recorded(_("the upstream ended the subscription: %(reason)s"))
_NO_PONG = Recorded(_("no response to a ping for %(seconds)s s"))
_CANNOT_PUSH = Recorded(_("this version of the upstream cannot push; it needs 7.0.7 or newer"))


class Subscription:
    """One connection that receives events; used by one thread."""

    def __init__(
        self, management_url: str, key: str, on_blocked: Callable[[Blocked], None]
    ) -> None:
        """Connect and subscribe. Raises NotReached, KeyRejected, Banned or Refused."""
        if not key.strip():
            raise ValueError(
                "a management key is required: a request without one counts towards a ban"
            )
        self._connection = _connection(management_url, key)
        self._heard = self._pinged = time.monotonic()
        self._ended: str | None = None
        try:
            self._subscribe()
        except UpstreamError as error:
            self.close()
            if isinstance(error, Blocked):
                on_blocked(error)
            raise

    def _subscribe(self) -> None:
        try:
            self._connection.connect()
            self._connection.send_command("SUBSCRIBE", "usage")
            reply = self._connection.read_response(disable_decoding=True)
        except exceptions.ResponseError as error:
            raise refusal_of(str(error), datetime.now(UTC)) from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise NotReached(_NO_SUBSCRIPTION(reason=error)) from error
        if not (isinstance(reply, list) and reply[:1] == [b"subscribe"]):
            raise Refused(_NOT_SUBSCRIBED(), 200)

    def receive(self, seconds: float) -> list[bytes]:
        """The events that have come, waiting so long for the first; empty if none did. Raises
        Uncertain when it has ended.

        What came before the end is returned first.
        """
        if self._ended is None:
            events = self._read_waiting(seconds)
            if events or self._ended is None:
                return events
        raise Uncertain(_ENDED(reason=self._ended))

    def _read_waiting(self, seconds: float) -> list[bytes]:
        events: list[bytes] = []
        connection = self._connection
        try:
            while len(events) < MOST_AT_ONCE and connection.can_read(0 if events else seconds):
                self._take(connection.read_response(disable_decoding=True), events)
            self._keep_alive()
        except (exceptions.RedisError, OSError, ValueError) as error:
            self._ended = str(error) or type(error).__name__
            self.close()
        return events

    def _take(self, message: Any, events: list[bytes]) -> None:
        self._heard = time.monotonic()
        kind = message[0] if isinstance(message, list) and message else None
        if kind == b"unsubscribe":
            raise exceptions.ConnectionError("as requested")
        if kind == b"message" and message[2] not in _CONTROLS:
            events.append(message[2])

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if now - self._heard > SILENCE_SECONDS:
            raise exceptions.ConnectionError(_NO_PONG(seconds=f"{SILENCE_SECONDS:g}"))
        if now - self._pinged > PING_SECONDS:
            self._pinged = now
            self._connection.send_command("PING", check_health=False)

    def leave(self) -> list[bytes]:
        """Unsubscribe in an instant in which nothing is on its way, since the upstream drops what
        it still holds; what came."""
        events: list[bytes] = []
        deadline = time.monotonic() + LONGEST_QUIET_WAIT
        with contextlib.suppress(Uncertain, exceptions.RedisError, OSError):
            while time.monotonic() < deadline and (more := self.receive(QUIET_SECONDS)):
                events += more
            self._connection.send_command("UNSUBSCRIBE", "usage", check_health=False)
            while True:
                events += self.receive(READ_SECONDS)
        self.close()
        return events

    def close(self) -> None:
        """End the connection; it cannot be used again."""
        self._connection.disconnect()


def _connection(management_url: str, key: str) -> Connection:
    parts = urlsplit(management_url)
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or (443 if parts.scheme == "https" else 80),
        "password": key,
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": READ_SECONDS,
    }
    if parts.scheme != "https":
        return Connection(**options)
    # With these it trusts whom `management_proxy/client/certificates.py` trusts.
    return SSLConnection(
        **options,
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        ssl_check_hostname=True,
        ssl_ca_certs=certifi.where(),
    )


def refusal_of(text: str, now: datetime) -> UpstreamError:
    """The error that the upstream's reply to AUTH or SUBSCRIBE represents (contract 4)."""
    if (remaining := ban_duration(text)) is not None:
        return Banned(text[:200], now + remaining + BAN_MARGIN)
    if "management key" in text or "Authentication required" in text:
        return KeyRejected(text[:200])
    if "unknown command" in text or "mTLS" in text:
        return Refused(_CANNOT_PUSH(), 200)
    return Refused(text[:200], 200)
