"""Where figures go: a table on the terminal, and the benchmark's section of docs/benchmarks.md."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

# The cells of one line of a table.
Row = Sequence[object]
PAGE = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"
INTRODUCTION = "# Benchmarks\n\nEach section is replaced by a run of the command that it names.\n"


def table(head: list[str], rows: list[Row]) -> str:
    """A Markdown table."""
    lines: list[Row] = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def write_section(heading: str, command: str, body: str) -> None:
    """Print a benchmark's figures, and put them in the place of its last ones."""
    print(body)
    section = f"## {heading}\n\n`{command}`, {datetime.now(UTC):%Y-%m-%d}.\n\n{body.strip()}\n"
    text = PAGE.read_text() if PAGE.exists() else INTRODUCTION
    others = re.sub(
        rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE
    )
    PAGE.write_text(f"{others.rstrip()}\n\n{section}")
