"""Reading the audit trail: pages by cursor, the words there are to filter by, and the export."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from monitoring.models import AuditEntry

PAGE_SIZE = 50
EXPORT_CHUNK = 1000
COLUMNS = (
    "id",
    "at",
    "actor",
    "via",
    "action",
    "target",
    "upstream",
    "outcome",
    "source_ip",
    "request_id",
    "detail",
)


@dataclass(frozen=True)
class Page:
    """Some entries, newest first, and the cursor of the next older ones; None at the end."""

    entries: list[AuditEntry]
    before: int | None


def page_of(entries: QuerySet[AuditEntry], before: int | None, size: int = PAGE_SIZE) -> Page:
    """The newest entries older than the cursor; stable while new ones are written."""
    found = list((entries.filter(pk__lt=before) if before else entries)[: size + 1])
    return Page(found[:size], found[size - 1].pk if len(found) > size else None)


def words(column: str, most: int = 200) -> list[str]:
    """The different values of an indexed column, each found by one step through its index."""
    if column not in ("actor", "action", "upstream"):
        raise ValueError(f"no index serves {column}")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            /* monitoring.audit.queries.words */
            WITH RECURSIVE word AS (
                (SELECT {column} AS w FROM monitoring_auditentry ORDER BY {column} LIMIT 1)
                UNION ALL
                SELECT (
                    SELECT {column} FROM monitoring_auditentry
                    WHERE {column} > word.w ORDER BY {column} LIMIT 1
                ) FROM word WHERE word.w IS NOT NULL
            )
            SELECT w FROM word WHERE w <> '' LIMIT %s
            """,
            [most],
        )
        return [row[0] for row in cursor.fetchall()]


def as_json_lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """One JSON object a line, in flat memory."""
    for entry in _all(entries):
        yield json.dumps(_plain(entry), ensure_ascii=False) + "\n"


def as_csv(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """A head line and one line an entry, in flat memory; no cell is taken for a formula by a
    spreadsheet."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in _all(entries):
        plain = _plain(entry)
        plain["detail"] = json.dumps(plain["detail"], ensure_ascii=False)
        yield writer.writerow([_no_formula(str(plain[name])) for name in COLUMNS])


class _Echo:
    """A file whose `write` gives back what was to be written, which is all that the writer
    needs."""

    def write(self, line: str) -> str:
        return line


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _all(entries: QuerySet[AuditEntry]) -> Iterator[AuditEntry]:
    # By cursor, not by one long query: a slow reader holds neither a transaction nor the rows.
    before = None
    while True:
        page = page_of(entries, before, EXPORT_CHUNK)
        yield from page.entries
        if page.before is None:
            return
        before = page.before


def _plain(entry: AuditEntry) -> dict[str, Any]:
    plain = {name: getattr(entry, name) for name in COLUMNS}
    return {**plain, "at": entry.at.isoformat(timespec="milliseconds")}
