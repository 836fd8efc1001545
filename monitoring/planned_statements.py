"""Plain statements and the models in their rows: for what every request reads and for updates of
hundreds of rows, since composing such a statement costs more than its result."""

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


def update_each(objects: Sequence[models.Model], *names: str) -> None:
    """Store these fields of objects of one model, each its own values: `bulk_update` by a statement
    that has a parameter for each field instead of one for each value."""
    if not objects:
        return
    fields = _fields(type(objects[0]), names)
    values = [[_stored(field, one) for one in objects] for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_update_of(type(objects[0]), names), values)


def _stored(field: Any, one: models.Model) -> Any:
    return field.get_db_prep_save(getattr(one, field.attname), connection)


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    return [model._meta.pk, *map(model._meta.get_field, names)]


@lru_cache
def _update_of(model: type[models.Model], names: tuple[str, ...]) -> str:
    key, *others = [f'"{field.column}"' for field in _fields(model, names)]
    # Without a length: a cast would cut what is too long, instead of refusing it.
    types = [field.db_type(connection).split("(")[0] for field in _fields(model, names)]
    return f"""
/* monitoring.planned_statements.update_each */
UPDATE "{model._meta.db_table}" AS present
SET {", ".join(f"{column} = new.{column}" for column in others)}
FROM unnest({", ".join(f"%s::{one}[]" for one in types)}) AS new ({", ".join((key, *others))})
WHERE present.{key} = new.{key}
"""
