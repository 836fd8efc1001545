"""A run with everything that was concluded from it."""

from dataclasses import dataclass

from tests.gate.judgement.acceptance import Line
from tests.gate.judgement.references import Reference
from tests.gate.judgement.thresholds import Verdict
from tests.gate.record import Record


@dataclass(frozen=True)
class Result:
    """`about` names the version, the machine and the plan."""

    about: str
    record: Record
    verdicts: list[Verdict]
    lines: list[Line]
    references: list[Reference]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)
