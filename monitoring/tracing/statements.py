"""Spans over statements of the database: their text with placeholders, never a parameter."""

from contextlib import AbstractContextManager

from monitoring.tracing.spans import Kind, Span, span

MOST_TEXT = 2000


def statement_span(name: str, operation: str, text: str) -> AbstractContextManager[Span]:
    """A span over a statement, within another one only; `operation` is its first word."""
    about = {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.query.text": text[:MOST_TEXT],
    }
    return span(name, about, kind=Kind.CLIENT, only_within=True)
