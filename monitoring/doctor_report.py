"""The doctor's findings as text and as plain data, to be copied and read by scripts; masked once
more before they leave."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from monitoring.health import Finding, Level, worst
from monitoring.masking import masked_text

_MARKS = {Level.OK: "ok", Level.NOTICE: "NOTICE", Level.WARNING: "WARNING", Level.ERROR: "ERROR"}


def as_text(found: Iterable[Finding]) -> str:
    """One block a finding, the worst first, as `findings` sorts them."""
    blocks = [f"Tollgate doctor, {timezone.localtime():%Y-%m-%d %H:%M:%S %Z}"]
    for finding in found:
        subject = f"[{finding.subject}] " if finding.subject else ""
        lines = [
            f"{_MARKS[finding.level]:<8}{subject}{finding.summary}",
            finding.why,
            f"→ {finding.fix}" if finding.fix else "",
        ]
        blocks.append("\n        ".join(masked_text(line) for line in lines if line))
    return "\n".join(blocks)


def as_data(found: Iterable[Finding]) -> dict[str, Any]:
    """`{"level", "findings": [{"level", "check", "subject", "summary", "why", "fix"}]}`."""
    found = list(found)
    names = ("check", "subject", "summary", "why", "fix")
    shown = [
        {"level": f.level.value, **{name: masked_text(getattr(f, name)) for name in names}}
        for f in found
    ]
    return {"level": worst(found).value, "findings": shown}
