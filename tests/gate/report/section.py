"""`python -m tests.gate.report.section GATE_JSON HEADING COMMAND`: a run's figures as a section of
docs/benchmarks.md, beside what was measured of the dashboard that Tollgate replaces."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.bench.report import Row, table, write_section


def body(document: dict[str, Any]) -> str:
    """The verdict, every threshold, and the comparison."""
    rows: list[Row] = [
        [
            f"`{one['figure']}`",
            one["reason"].partition(",")[0],
            one["bound"],
            "yes" if one["passed"] else "**no**",
        ]
        for one in document["thresholds"]
    ]
    theirs: list[Row] = [
        [one["what"], one["theirs"], one["ours"]]
        for one in document["references"]
        if not one["ours"].startswith("not measured")
    ]
    parts = [
        f"{document['about']} Verdict: {document['verdict']}, after {document['seconds']:.0f} s.",
        table(["figure", "measured", "bound", "holds"], rows),
    ]
    if theirs:
        parts.append(table(["what", "the dashboard that Tollgate replaces", "this run"], theirs))
    return "\n\n".join(parts)


def main() -> None:
    path, heading, command = sys.argv[1:]
    write_section(heading, command, body(json.loads(Path(path).read_text())))


if __name__ == "__main__":
    main()
