"""Writes what the code knows into docs/: the environment variables, the kinds of log lines;
`make docs`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.environment import VARIABLES
from management_proxy import log_kinds as _proxy
from monitoring.logs import monitoring_kinds as _monitoring
from monitoring.logs.kinds import COMMON_FIELDS, kinds
from providers import log_kinds as _providers
from usage import log_kinds as _usage

DOCS = Path(__file__).resolve().parent.parent / "docs"
END = "<!-- end of the table -->\n"
# Kinds are declared when these are imported.
DECLARING = (_monitoring, _proxy, _providers, _usage)


@dataclass(frozen=True)
class Table:
    """A part of a document between two marks, and the function that makes it."""

    document: Path
    begin: str
    make: Callable[[], str]

    def written_into(self, text: str) -> str:
        """A document with what lies between the two marks replaced."""
        before, _, rest = text.partition(self.begin)
        after = rest.partition(END)[2]
        return before + self.begin + self.make() + END + after


def variables_table() -> str:
    """The table of variables in Markdown, a row a variable."""
    rows = (f"| `{v.name}` | {v.documented_default} | {v.meaning} |\n" for v in VARIABLES)
    return "| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def kinds_of_lines() -> str:
    """The fields of every line, and of each kind, in Markdown."""
    parts = [_fields("Every line", COMMON_FIELDS)]
    for kind in kinds():
        title = f"`{kind.event}`: {kind.sentence}"
        parts.append(_fields(title, kind.fields) if kind.fields else f"\n### {title}\n")
    return "".join(parts)


def _fields(title: str, fields: Mapping[str, str]) -> str:
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in fields.items())
    return f"\n### {title}\n\n| field | meaning |\n| --- | --- |\n{rows}"


TABLES = (
    Table(
        DOCS / "configuration.md",
        "<!-- from config/environment.py by `make docs` -->\n",
        variables_table,
    ),
    Table(DOCS / "logs.md", "<!-- from the kinds of lines by `make docs` -->\n", kinds_of_lines),
)


if __name__ == "__main__":
    for table in TABLES:
        table.document.write_text(table.written_into(table.document.read_text()))
