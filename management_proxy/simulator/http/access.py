"""The gate before every management request: the decision table of contract 1.3 and the ban."""

import base64
import hashlib
import hmac
import ipaddress
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from management_proxy.simulator.clock import Clock, Sleep, go_duration

FAILURES_UNTIL_BAN = 5
BAN_SECONDS = 30 * 60
IDLE_SECONDS = 2 * 3600
LOCAL = frozenset({"127.0.0.1", "::1"})
HASH_PREFIX = "$2a$10$"


@dataclass
class Offender:
    """The failed logins of one client address."""

    failures: int = 0
    banned_until: float = 0.0
    seen_at: float = 0.0


class Bans:
    """Failed logins per client address; HTTP and RESP share them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._offenders: dict[str, Offender] = {}
        self.failed_logins = 0

    def refusal(self, address: str) -> str | None:
        """Return the ban's text while the address is banned."""
        with self._lock:
            offender = self._offenders.get(address)
            left = offender.banned_until - self._clock() if offender else 0.0
        if left <= 0:
            return None
        return f"IP banned due to too many failed attempts. Try again in {go_duration(round(left))}"

    def note_failure(self, address: str) -> None:
        now = self._clock()
        with self._lock:
            self.failed_logins += 1
            offender = self._offenders.setdefault(address, Offender())
            if self._is_over(offender, now):
                offender = self._offenders[address] = Offender()
            offender.failures += 1
            offender.seen_at = now
            if offender.failures >= FAILURES_UNTIL_BAN:
                offender.banned_until = now + BAN_SECONDS

    @staticmethod
    def _is_over(offender: Offender, now: float) -> bool:
        ban_is_over = bool(offender.banned_until) and offender.banned_until <= now
        return ban_is_over or now - offender.seen_at > IDLE_SECONDS

    def note_success(self, address: str) -> None:
        with self._lock:
            self._offenders.pop(address, None)

    def clear(self) -> None:
        with self._lock:
            self._offenders.clear()


@dataclass
class Secrets:
    """The keys that open the management API, and who may use them."""

    environment_key: str = ""
    config_hash: str = ""
    allow_remote: bool = False
    # The real server compares a key of its configuration with bcrypt, which costs tens of
    # milliseconds a request.
    bcrypt_seconds: float = 0.0
    sleep: Sleep = time.sleep

    @property
    def exist(self) -> bool:
        return bool(self.environment_key or self.config_hash)

    @property
    def remote_allowed(self) -> bool:
        return self.allow_remote or bool(self.environment_key)

    def accept(self, key: str) -> bool:
        given = key.encode("utf-8", "replace")
        if self.environment_key and hmac.compare_digest(given, self.environment_key.encode()):
            return True
        if not self.config_hash:
            return False
        self.sleep(self.bcrypt_seconds)
        return hmac.compare_digest(hashed(key), self.config_hash)


def hashed(key: str) -> str:
    """Return the hash of a key as the configuration holds it; a substitute for bcrypt with the
    same outer form."""
    if key.startswith(HASH_PREFIX) or not key:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
    return (
        HASH_PREFIX
        + base64.b64encode(digest + digest[:8]).decode().rstrip("=").replace("+", ".")[:53]
    )


def supplied_key(headers: Mapping[str, str]) -> str:
    """Return the key of a request; a header that is not of the form `bearer X` is a key as a
    whole."""
    authorization = headers.get("authorization", "")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer" and rest:
        return rest.strip()
    return authorization or headers.get("x-management-key", "")


def client_address(headers: Mapping[str, str], peer: str) -> str:
    """The leftmost valid forwarded address, which any caller may claim, else the TCP peer."""
    for part in headers.get("x-forwarded-for", "").split(","):
        if _is_address(part.strip()):
            return part.strip()
    real = headers.get("x-real-ip", "").strip()
    return real if _is_address(real) else peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class Gate:
    """Decides on a login, for HTTP and RESP alike."""

    def __init__(self, bans: Bans, secrets: Secrets) -> None:
        self.bans = bans
        self.secrets = secrets

    def refusal(self, address: str, key: str) -> tuple[int, str] | None:
        """Return status and text of rows 2 to 6 of the decision table, or None for an accepted
        key."""
        banned = self.bans.refusal(address)
        if banned:
            return 403, banned
        if address not in LOCAL and not self.secrets.remote_allowed:
            return 403, "remote management disabled"
        if not self.secrets.exist:
            return 403, "remote management key not set"
        if not key or not self.secrets.accept(key):
            self.bans.note_failure(address)
            return 401, "invalid management key" if key else "missing management key"
        self.bans.note_success(address)
        return None
