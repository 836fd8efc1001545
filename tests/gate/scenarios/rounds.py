"""Measuring until a verdict is certain enough, and no longer.

Rounds whose values all hold end the measuring once there are ENOUGH of them: the true median is
beyond the threshold in one of 2**ENOUGH such cases. Otherwise all rounds are taken, so that what
fails a candidate is always all of them (tests/gate/judgement/thresholds.py).
"""

from collections.abc import Callable, Mapping

from tests.gate.judgement import thresholds
from tests.gate.record import Record

ENOUGH = 4


def repeated(record: Record, most: int, measure: Callable[[], Mapping[str, float]]) -> None:
    """Record the figures that each round of measuring returns, of `most` rounds or fewer."""
    bounds = {threshold.figure: threshold for threshold in thresholds.load()}
    rounds: dict[str, list[float]] = {}
    for number in range(1, most + 1):
        for name, value in measure().items():
            rounds.setdefault(name, []).append(value)
        bounded = [(bounds[name], values) for name, values in rounds.items() if name in bounds]
        if number >= ENOUGH and all(b.holds(v) for b, values in bounded for v in values):
            break
    for name, values in rounds.items():
        record.rounds(name, values)
