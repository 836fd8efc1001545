"""How often an address was refused within a minute, so that a flood of refusals is not a flood of
entries.

Counted by each process for itself. Counting a little wrong when two threads meet is tolerated: it
spares the trail, it guards nothing.
"""

import time
from collections import OrderedDict

# Beyond that many, an address hears 429 and is no longer written down until the minute is over.
MOST_A_MINUTE = 20
_ADDRESSES_REMEMBERED = 10_000

_refusals: OrderedDict[str, tuple[int, int]] = OrderedDict()


def count_refusal(address: str) -> int:
    """Count one more of this address; how many there were in this minute."""
    minute = int(time.monotonic() // 60)
    known_minute, count = _refusals.pop(address, (minute, 0))
    count = count + 1 if known_minute == minute else 1
    _refusals[address] = (minute, count)
    while len(_refusals) > _ADDRESSES_REMEMBERED:
        _refusals.popitem(last=False)
    return count


def forget_refusals() -> None:
    """Start counting anew."""
    _refusals.clear()
