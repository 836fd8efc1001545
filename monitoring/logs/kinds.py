"""Kinds of log lines: every line that Tollgate itself logs is of one, which names its fields.

A kind has a name for programs (the field `event`, never changed), a sentence for people, and the
fields that its lines may have. Each app declares its kinds in its `log_kinds`; docs/logs.md lists
them, and a test holds every line of the suite against them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation.trans_null import gettext_noop as _

# Fields that lines of every kind may have.
COMMON_FIELDS = {
    "time": _("when, in UTC with milliseconds"),
    "level": _("`debug`, `info`, `warning` or `error`"),
    "logger": _("the module that logged it"),
    "message": _("the sentence for people"),
    "event": _("the name of the kind of line"),
    "request_id": _("the request during which it was logged, also in `X-Request-Id`"),
    "trace_id": _("the trace during which it was logged, if [tracing](tracing.md) is on"),
    "traceback": _("where in the code, secrets masked"),
    "status_code": _("the status that Django responded with, on its own lines"),
}
UPSTREAM = {"upstream": _("name of the upstream")}
ERROR = {"error": _("what went wrong, secrets masked")}

_kinds: dict[str, "Kind"] = {}


@dataclass(frozen=True)
class Kind:
    """A kind of line: its `event`, the sentence, and the meaning of each field by its name."""

    event: str
    sentence: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _kinds[self.event] = self

    def log(self, logger: logging.Logger, level: int, /, **fields: Any) -> None:
        """Log a line of this kind."""
        if logger.isEnabledFor(level):
            logger.log(level, self.sentence, extra={"event": self.event, **fields}, stacklevel=2)

    def log_exception(self, logger: logging.Logger, level: int, /, **fields: Any) -> None:
        """The same with the traceback of the present exception."""
        extra = {"event": self.event, **fields}
        logger.log(level, self.sentence, extra=extra, exc_info=True, stacklevel=2)


def kinds() -> list[Kind]:
    """Every declared kind, by event."""
    return [_kinds[event] for event in sorted(_kinds)]


def kind_of(event: str) -> Kind | None:
    """The kind with that event."""
    return _kinds.get(event)
