"""Writes what the code knows into docs/: the environment variables, the kinds of log lines and the
failure classes, in each language that a document is in; `make docs`."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.utils.translation import get_language, gettext, override, to_language

from config.environment import VARIABLES
from config.languages import SOURCE_LANGUAGE
from management_proxy import log_kinds as _proxy
from monitoring.logs import monitoring_kinds as _monitoring
from monitoring.logs.kinds import COMMON_FIELDS, kinds
from providers import log_kinds as _providers
from usage import log_kinds as _usage

if TYPE_CHECKING:
    from usage.failures.guidance import Guidance

DOCS = Path(__file__).resolve().parent.parent / "docs"
END = "<!-- end of the table -->\n"
# Kinds are declared when these are imported.
DECLARING = (_monitoring, _proxy, _providers, _usage)


@dataclass(frozen=True)
class Table:
    """A part of a document between two marks, the function that makes it, and its language."""

    document: Path
    begin: str
    make: Callable[[], str]
    language: str = SOURCE_LANGUAGE

    def written_into(self, text: str) -> str:
        """A document with what lies between the two marks replaced."""
        before, _, rest = text.partition(self.begin)
        after = rest.partition(END)[2]
        with override(self.language):
            return before + self.begin + self.make() + END + after


def variables_table() -> str:
    """The table of variables in Markdown, a row a variable."""
    rows = (
        f"| `{v.name}` | {gettext(v.documented_default)} | {gettext(v.meaning)} |\n"
        for v in VARIABLES
    )
    head = " | ".join((gettext("variable"), gettext("default"), gettext("meaning")))
    return f"| {head} |\n| --- | --- | --- |\n" + "".join(rows)


def kinds_of_lines() -> str:
    """The fields of every line, and of each kind, in Markdown."""
    parts = [_fields(_fragment("every-line") + gettext("Every line"), COMMON_FIELDS)]
    for kind in kinds():
        # As it is in the log, whatever the language of the document.
        title = f"`{kind.event}`: `{kind.sentence}`"
        parts.append(_fields(title, kind.fields) if kind.fields else f"\n### {title}\n")
    return "".join(parts)


def _guidance() -> Iterable["Guidance"]:
    from usage.failures.guidance import GUIDANCE  # which needs Django's apps to be there

    return GUIDANCE.values()


def failure_classes() -> str:
    """The classes of failures in Markdown, a row a class."""
    rows = "".join(
        f"| `{g.failure_class.value}` | {g.name} | `{g.group.value}` | {g.meaning} | {g.action} |\n"
        for g in _guidance()
    )
    said = (gettext("Class"), gettext("Name"), gettext("Group"))
    head = " | ".join((*said, gettext("Meaning"), gettext("What to do")))
    return f"| {head} |\n| --- | --- | --- | --- | --- |\n{rows}"


def failure_sections() -> str:
    """What to do about each class of failures in Markdown, a section a class."""
    return "".join(
        f"\n### {_fragment(g.anchor)}`{g.failure_class.value}`: {g.name}\n\n"
        f"{g.meaning}\n\n{g.action}\n"
        for g in _guidance()
    )


def _fragment(anchor: str) -> str:
    """What keeps a translated heading's fragment as in English."""
    return "" if get_language() == SOURCE_LANGUAGE else f'<a id="{anchor}"></a>'


def _fields(title: str, fields: Mapping[str, str]) -> str:
    rows = "".join(f"| `{name}` | {gettext(meaning)} |\n" for name, meaning in fields.items())
    head = " | ".join((gettext("field"), gettext("meaning")))
    return f"\n### {title}\n\n| {head} |\n| --- | --- |\n{rows}"


def _in_each_language(name: str, source: str, make: Callable[[], str]) -> Iterator[Table]:
    """The part of a document and of its translations that is made from a source."""
    mark = f"<!-- from {source} by `make docs` -->\n"
    yield Table(DOCS / f"{name}.md", mark, make)
    for document in sorted(DOCS.glob(f"{name}.*.md")):
        yield Table(document, mark, make, to_language(document.suffixes[0][1:]))


_GUIDANCE = "usage/failures/guidance.py"
TABLES = (
    *_in_each_language("configuration", "config/environment.py", variables_table),
    *_in_each_language("logs", "the kinds of lines", kinds_of_lines),
    *_in_each_language("failures", _GUIDANCE, failure_classes),
    *_in_each_language("runbook", _GUIDANCE, failure_sections),
)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for table in TABLES:
        text = table.document.read_text(encoding="utf-8")
        table.document.write_text(table.written_into(text), encoding="utf-8")
