"""Log-bucket histograms of durations: mergeable by adding counts, with a relative error of at most
2 %.

Bin `b` holds the durations in `(GAMMA**(b-1), GAMMA**b]` milliseconds; a duration is reported as
the point of its bin whose relative distance to both ends is equal. PostgreSQL computes the same bin
as `BIN_SQL`.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from itertools import accumulate

RELATIVE_ERROR = 0.02
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(GAMMA)

# The bin of the duration `{0}` in milliseconds, which must be at least 1. Written out so that
# Python and SQL agree.
BIN_SQL = f"ceil(ln({{0}}::float8) / {_LOG_GAMMA!r}::float8)::smallint"


def bin_of(milliseconds: int) -> int:
    """The bin of a duration of at least 1 ms."""
    return math.ceil(math.log(milliseconds) / _LOG_GAMMA)


@cache
def duration_of(bin_number: int) -> float:
    """The duration in milliseconds for which a bin stands."""
    return 2 * GAMMA**bin_number / (GAMMA + 1)


def percentile_bins(counts: Iterable[int], percents: Iterable[int]) -> list[int]:
    """The bins of nearest-rank percentiles; `counts` are those of the bins 0, 1..., not all 0."""
    seen = list(accumulate(counts))
    return [bisect_left(seen, -(-seen[-1] * percent // 100)) for percent in percents]
