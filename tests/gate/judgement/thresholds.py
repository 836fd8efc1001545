"""Thresholds and their verdicts.

A figure that is counted either holds or does not. One that is measured comes as rounds, taken turn
about with a reference in the same run. Of n rounds the smallest lies above the true median with a
probability of 2**-n, whatever the noise looks like. So a threshold fails only if every round is
beyond it, and passes for certain only if none is; between the two it passes, and says so. Noise
alone fails a candidate whose median is at the threshold once in 2**n runs (six rounds: 1.6 %), and
one that is well within it practically never.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from tests.gate.record import Figure, Record

FILE = Path(__file__).parent.parent / "thresholds.toml"


@dataclass(frozen=True)
class Threshold:
    """The bound of a figure, and why it is there."""

    figure: str
    why: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    # The bound in the self-test's runs of seconds, in which processes still warm up.
    brief_at_most: float | None = None

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g} {self.unit}".strip()
        return f"at least {self.at_least:g} {self.unit}".strip()

    @property
    def brief(self) -> "Threshold":
        """The same for a run of seconds."""
        return self if self.brief_at_most is None else replace(self, at_most=self.brief_at_most)

    def holds(self, value: float) -> bool:
        """Whether a value is within the bound."""
        if self.at_most is not None:
            return value <= self.at_most
        assert self.at_least is not None
        return value >= self.at_least


@dataclass(frozen=True)
class Verdict:
    """Whether a threshold holds, and the reason in words; a figure that is missing never holds."""

    threshold: Threshold
    passed: bool
    reason: str
    figure: Figure | None = None


def load(path: Path = FILE, *, brief: bool = False) -> list[Threshold]:
    """All thresholds of a file, maybe with their bounds for runs of seconds; raises TypeError for
    one with an unknown or missing member."""
    found = [Threshold(**row) for row in tomllib.loads(path.read_text())["threshold"]]
    return [threshold.brief for threshold in found] if brief else found


def judge(threshold: Threshold, record: Record) -> Verdict:
    """The verdict on one threshold."""
    figure = record.figures.get(threshold.figure)
    if figure is None:
        return Verdict(threshold, False, f"not measured: {_why_missing(threshold.figure, record)}")
    if not figure.rounds:
        passed = threshold.holds(figure.value)
        return Verdict(threshold, passed, f"{_shown(figure.value)}, {threshold.bound}", figure)
    return _judge_rounds(threshold, figure)


def _judge_rounds(threshold: Threshold, figure: Figure) -> Verdict:
    within = [threshold.holds(value) for value in figure.rounds]
    count, confidence = len(within), 100 * (1 - 0.5 ** len(within))
    low, high = min(figure.rounds), max(figure.rounds)
    shown = f"{figure.value:.3g} (rounds {low:.3g} to {high:.3g}), {threshold.bound}"
    if all(within):
        return Verdict(threshold, True, f"{shown}; {confidence:.1f} % certain", figure)
    if any(within):
        return Verdict(
            threshold, True, f"{shown}; uncertain: {sum(within)} of {count} rounds hold", figure
        )
    return Verdict(threshold, False, f"{shown}; {confidence:.1f} % certain", figure)


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def _why_missing(figure: str, record: Record) -> str:
    scenario = figure.partition(".")[0]
    errors = [s.error for s in record.stretches if s.scenario == scenario and s.error]
    return errors[0] if errors else "its scenario did not run"
