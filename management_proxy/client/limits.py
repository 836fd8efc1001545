"""Bounds of one exchange with an upstream, of our own calls and of proxied ones alike."""

from dataclasses import dataclass

CONNECT_SECONDS = 5.0
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, until the response begins, for each further wait and for everything
    together; and bytes of the response's body."""

    connect: float = CONNECT_SECONDS
    first_byte: float = 10.0
    idle: float = 10.0
    total: float = 10.0
    response_bytes: int = 64 * KIB

    @classmethod
    def of(cls, seconds: float, *, total: float = 0.0, response_bytes: int = 64 * KIB) -> "Limits":
        """The same seconds for each wait, and for everything unless `total` is given."""
        return cls(
            first_byte=seconds,
            idle=seconds,
            total=total or seconds,
            response_bytes=response_bytes,
        )


SMALL = Limits.of(10)
CONFIGURATION = Limits.of(15, response_bytes=16 * MIB)
# A write of the configuration, which saves the whole file before it responds (contract 6.1, 10).
WRITE = Limits.of(15)
