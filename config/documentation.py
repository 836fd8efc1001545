"""Writes the table of environment variables into docs/configuration.md: `make docs`."""

from pathlib import Path

from config.environment import VARIABLES

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
BEGIN = "<!-- from config/environment.py by `make docs` -->\n"
END = "<!-- end of the table -->\n"


def variables_table() -> str:
    """The table in Markdown, a row a variable."""
    rows = (f"| `{v.name}` | {v.documented_default} | {v.meaning} |\n" for v in VARIABLES)
    return "| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def with_table(text: str) -> str:
    """A document with what lies between its two markers replaced by the table."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return before + BEGIN + variables_table() + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
