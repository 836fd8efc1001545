"""Ids of requests: eight hexadecimal digits that look random, none of which comes twice."""

import itertools

# While fewer requests a second are made on average, a restart finds no id that was given before.
PER_SECOND = 64
# Multiplying by an odd number permutes the numbers of 32 bits.
SCATTER, BITS = 0x9E3779B1, 0xFFFFFFFF


class RequestIds:
    """The ids from an instant on, in seconds since 1970; they begin anew after two years."""

    def __init__(self, start: float) -> None:
        self._numbers = itertools.count(int(start * PER_SECOND))

    def new(self) -> str:
        return f"{next(self._numbers) * SCATTER & BITS:08x}"
