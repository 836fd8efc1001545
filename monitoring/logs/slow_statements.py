"""Statements of history that took long: a line with the shape of their plan, without any value."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.logs.monitoring_kinds import SLOW_STATEMENT

logger = logging.getLogger(__name__)
_LONGEST_SHAPE = 2000


def log_if_slow(
    connection: BaseDatabaseWrapper,
    name: str,
    statement: str,
    parameters: Mapping[str, Any],
    seconds: float,
    rows: int,
) -> None:
    """Log a statement that has just succeeded, if it took `LOG_SLOW_SECONDS` or longer.

    It is planned once more, not executed. Raises django.db.Error if the connection has broken."""
    if not settings.LOG_SLOW_SECONDS or seconds < settings.LOG_SLOW_SECONDS:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF) {statement}", parameters)
        (plan,) = cursor.fetchone()[0]
    shape = shape_of(plan["Plan"])
    SLOW_STATEMENT.log(
        logger,
        logging.WARNING,
        statement=name,
        duration_ms=round(seconds * 1000),
        plan=shape[:_LONGEST_SHAPE],
        rows=rows,
    )


def shape_of(node: Mapping[str, Any]) -> str:
    """A plan as `Node(table, index)[its inputs]`; siblings that are alike are counted."""
    target = ", ".join(str(node[key]) for key in ("Relation Name", "Index Name") if key in node)
    inputs = list(_counted([shape_of(inner) for inner in node.get("Plans", [])]))
    return (
        str(node["Node Type"])
        + (f"({target})" if target else "")
        + (f"[{'; '.join(inputs)}]" if inputs else "")
    )


def _counted(shapes: list[str]) -> Iterator[str]:
    for shape in dict.fromkeys(shapes):
        count = shapes.count(shape)
        yield shape if count == 1 else f"{count} x {shape}"
