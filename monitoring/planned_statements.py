"""Plain statements and the models in their rows: for what every request reads, since composing the
statement costs more than its result."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models

M = TypeVar("M", bound=models.Model)


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that runs again and again; the server keeps its plan where it
    may."""
    with connection.planned_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


@lru_cache
def columns(model: type[models.Model], table: str) -> str:
    """All columns of a model, of the table or alias of that name, for a SELECT."""
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


@lru_cache
def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def instance(model: type[M], values: Sequence[Any]) -> tuple[M, Sequence[Any]]:
    """The object made of values in the order of `columns`, and the values that are left."""
    count = len(_names(model))
    return model.from_db(DEFAULT_DB_ALIAS, _names(model), values[:count]), values[count:]
