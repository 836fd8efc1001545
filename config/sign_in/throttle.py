"""The throttle on guessing passwords: every attempt is counted before it is made, and too many make
the next one wait.

    attempt --counted--> password right: counts of account and address are forgotten
                   '---> wrong: from the `free`th on, no attempt is made for 1, 2, 4, ... seconds,
                   `most_seconds` at most

* Counted are the account and the address, each in a row that all workers share; the database's
  clock decides. An attempt is counted first, so that a hundred at once are a hundred, and one that
  has to wait is neither made nor counted.
* A count is forgotten when nothing failed for WINDOW, so no account is locked for good. Nor can
  strangers keep an owner out: from an address where the account signed in within KNOWN, only the
  address counts.
* The rows hold digests: a name that no user has may be a password in the wrong field.
* Of an IPv6 address its /64 counts, which is what one subscriber has.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from config.sign_in.models import FailedSignIns
from monitoring.models import AuditEntry

WINDOW = timedelta(minutes=15)
KNOWN = timedelta(days=30)


@dataclass(frozen=True)
class Limit:
    """How many failures cost nothing, and the longest wait after one."""

    free: int
    most_seconds: int


ACCOUNT = Limit(free=5, most_seconds=300)
# People may share one.
ADDRESS = Limit(free=10, most_seconds=300)


def begin_attempt(name: str, address: str) -> float:
    """Count an attempt that is about to be made; the seconds to wait instead, if it must not be
    made."""
    with transaction.atomic():
        for subject, limit in _subjects(name, address):
            if (seconds := _count(subject, limit)) > 0:
                transaction.set_rollback(True)
                return seconds
    return 0.0


def forget_attempts(name: str, address: str) -> None:
    """The password was right."""
    FailedSignIns.objects.filter(
        subject__in=[_digest("account", name), _digest("address", _network(address))]
    ).delete()


def forget_old() -> None:
    """Delete what does not count any more."""
    FailedSignIns.objects.filter(last_at__lt=timezone.now() - 2 * WINDOW).delete()


def _subjects(name: str, address: str) -> list[tuple[bytes, Limit]]:
    """What an attempt counts for, always in one order, so that two at once never wait for each
    other."""
    found = [(_digest("address", _network(address)), ADDRESS)] if address else []
    if not _is_known(name, address):
        found.append((_digest("account", name), ACCOUNT))
    return sorted(found, key=lambda one: one[0])


def _is_known(name: str, address: str) -> bool:
    acts = AuditEntry.objects.filter(
        actor=name, action="user.signed_in", source_ip=address, at__gt=timezone.now() - KNOWN
    )
    return bool(address) and acts.exists()


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return (
        str(int(known) >> 64)
        if isinstance(known, IPv6Address) and not known.ipv4_mapped
        else address
    )


def _digest(kind: str, text: str) -> bytes:
    return salted_hmac("sign_in.brake", f"{kind} {text}", algorithm="sha256").digest()


def _count(subject: bytes, limit: Limit) -> float:
    """Count an attempt for one subject; the seconds that are left to wait, of which nothing is
    counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            /* sign_in.throttle.count */
            INSERT INTO sign_in_failedsignins AS held (subject, failures, last_at, wait_until)
            VALUES (%(subject)s, 1, clock_timestamp(), clock_timestamp())
            ON CONFLICT (subject) DO UPDATE SET
                failures = CASE
                    WHEN held.last_at < clock_timestamp() - make_interval(secs => %(window)s)
                    THEN 1 ELSE held.failures + 1 END,
                last_at = clock_timestamp(),
                wait_until = clock_timestamp() + make_interval(secs => CASE
                    WHEN held.last_at < clock_timestamp() - make_interval(secs => %(window)s)
                        OR held.failures + 1 < %(free)s
                    THEN 0
                    ELSE least(%(most)s, power(2, least(held.failures + 1 - %(free)s, 20))) END)
            WHERE held.wait_until <= clock_timestamp()
            RETURNING 0
            """,
            {
                "subject": subject,
                "window": WINDOW.total_seconds(),
                "free": limit.free,
                "most": limit.most_seconds,
            },
        )
        if cursor.fetchone():
            return 0.0
        cursor.execute(
            "SELECT extract(epoch FROM wait_until - clock_timestamp())::float8 FROM"
            " sign_in_failedsignins WHERE subject = %s",
            [subject],
        )
        left: float = cursor.fetchone()[0]
        return max(left, 0.001)
