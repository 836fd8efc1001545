"""Everything that the suite logs is held against the list of kinds and searched for secrets."""

import logging

from config.logs import JsonFormatter, extra_fields, masked_fields
from monitoring.logs.kinds import COMMON_FIELDS, kind_of
from monitoring.masking import without_secrets

OURS = ("config", "monitoring", "management_proxy", "providers", "usage")


def faults(record: logging.LogRecord) -> list[str]:
    """What is wrong with a record: an undeclared kind or field, or a secret."""
    fields = extra_fields(record)
    found = []
    if record.name.split(".")[0] in OURS:
        kind = kind_of(fields.get("event", ""))
        if kind is None:
            return [f"{record.name}: {record.msg!r} is of no declared kind (monitoring.logs.kinds)"]
        unknown = fields.keys() - COMMON_FIELDS.keys() - kind.fields.keys()
        found += [f"{kind.event}: field {name!r} is not declared" for name in sorted(unknown)]
    if (
        masked_fields(record) != fields
        or without_secrets(record.getMessage()) != record.getMessage()
    ):
        found.append(f"{record.name}: a secret in {record.getMessage()!r} or {fields}")
    return found


class Checking(logging.Handler):
    """Notes what is wrong with each record, wherever it was logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found += faults(record)


def formatted(record: logging.LogRecord) -> str:
    """The line as it is written in production."""
    return JsonFormatter().format(record)
