"""The kinds of lines that providers logs."""

from monitoring.logs.kinds import UPSTREAM, Kind

CHANGES_BROKE = Kind("changes.broke", "Changes broke", {**UPSTREAM, "intents": "their ids"})
CHANGE_FAILED = Kind("changes.failed", "A change failed", {**UPSTREAM, "intent": "its id"})
ACT_INTERRUPTED = Kind("bulk.interrupted", "A bulk act was interrupted", {"act": "its id"})
LOGIN_NOT_POLLED = Kind("logins.not_polled", "A login cannot be polled", {"login": "its id"})
