"""The tree of packages in docs/architecture.md: `python -m tests.docs.tree` (`make docs`)."""

import textwrap

from tests.docs import ROOT
from tests.docs.modules import described_packages, purpose

DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- tree of packages -->\n", "<!-- end of the tree -->\n"
COLUMN, WIDTH = 26, 120


def tree() -> str:
    """Every package with the first lines of its docstring, indented as the folders are."""
    lines = []
    for package in described_packages():
        depth = len(package.relative_to(ROOT).parts) - 1
        name = f"    {'  ' * depth}{package.name}/".ljust(COLUMN + 4)
        lines += textwrap.wrap(
            name + purpose(package),
            WIDTH,
            subsequent_indent=" " * (COLUMN + 4),
            break_on_hyphens=False,
        )
    return "\n".join(["", *lines, "", ""])


def main() -> None:
    """Replace what lies between the marks."""
    before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    DOCUMENT.write_text(before + begin + tree() + end + after)


if __name__ == "__main__":
    main()
