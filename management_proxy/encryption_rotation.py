"""Bringing everything encrypted under the first of `ENCRYPTION_KEYS`, so that older keys can be
taken away.

Encrypted is every binary column whose name ends in `_encrypted`, in whatever app; a test keeps to
that name. Each value is exchanged by compare-and-set, so that one which is written meanwhile (under
the first key already) is left alone, and the whole may be repeated or broken off at any time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from monitoring.encryption import UndecryptableError, reencrypt

CHUNK = 200


@dataclass
class Rotated:
    """How many values are now under the first key, and how many no key fits."""

    done: int = 0
    undecryptable: int = 0


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every model with an encrypted column, and the column's name."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.BinaryField) and field.name.endswith("_encrypted"):
                yield model, field.name


def rotate_everything() -> dict[str, Rotated]:
    """Encrypt every value anew under the first key; counts by `app.model.column`."""
    return {
        f"{model._meta.label_lower}.{column}": _rotate(model, column)
        for model, column in encrypted_columns()
    }


def _rotate(model: type[models.Model], column: str) -> Rotated:
    rotated = Rotated()
    rows = model._default_manager.exclude(**{column: b""})
    for pk in rows.order_by("pk").values_list("pk", flat=True).iterator(CHUNK):
        held = rows.filter(pk=pk).values_list(column, flat=True).first()
        if held is None:
            continue
        try:
            anew = reencrypt(bytes(held))
        except UndecryptableError:
            rotated.undecryptable += 1
            continue
        rotated.done += rows.filter(pk=pk, **{column: held}).update(**{column: anew})
    return rotated
