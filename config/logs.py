"""Logging: one line per event on standard error, for people or as JSON, with the fields that were
passed as `extra`. What looks like a secret is masked once more before a line leaves."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from monitoring.masking import without_secrets

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "server_time",
}


# Templates of ours, some of which look like keys (`xai-auth-url`).
_TEMPLATES = frozenset({"route", "event"})


def _is_clean(record: logging.LogRecord, fields: dict[str, Any]) -> bool:
    """Whether nothing is to be masked, as in nearly every line: one search instead of many."""
    texts = [record.getMessage()]
    for name, value in fields.items():
        if isinstance(value, str):
            if name not in _TEMPLATES:
                texts.append(value)
        elif not (value is None or isinstance(value, int | float)):
            return False
    text = "\n".join(texts)
    return without_secrets(text) == text


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(name, item) for item in value]
    if value is None or isinstance(value, int | float) or name in _TEMPLATES:
        return value
    return without_secrets(str(value))


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record beside those that every record has."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}


def masked_fields(record: logging.LogRecord) -> dict[str, Any]:
    """The same, secrets masked."""
    fields = extra_fields(record)
    if _is_clean(record, fields):
        return fields
    return {name: _masked(name, value) for name, value in fields.items()}


class TextFormatter(logging.Formatter):
    """`2026-11-24 10:00:00 INFO usage.collector.runs: Run ended run_id=... stored=12`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in masked_fields(record).items())
        return without_secrets(super().format(record)) + fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, every extra field, and the traceback if
    there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **masked_fields(record),
        }
        if record.exc_info:
            line["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line)


def logging_configuration(level: str, style: str) -> dict[str, Any]:
    """The `LOGGING` setting for a level name and a style, `text` or `json`."""
    # No line shows where in the code or in which thread it was logged: Python need not find out.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": "config.logs.TextFormatter",
                "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {"()": "config.logs.JsonFormatter"},
        },
        "filters": {
            "request": {"()": "monitoring.request_context.RequestIdFilter"},
            "unhandled": {"()": "monitoring.request_context.UnhandledFilter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json" if style == "json" else "text",
                "filters": ["request"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            # Each request has a line of its own, without its address.
            "django.request": {"level": "ERROR", "filters": ["unhandled"]},
        },
    }
