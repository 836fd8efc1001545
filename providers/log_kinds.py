"""The kinds of lines that providers logs."""

from django.utils.translation.trans_null import gettext_noop as _

from monitoring.logs.kinds import UPSTREAM, Kind

CHANGES_BROKE = Kind("changes.broke", "Changes broke", {**UPSTREAM, "intents": _("their ids")})
CHANGE_FAILED = Kind("changes.failed", "A change failed", {**UPSTREAM, "intent": _("its id")})
ACT_INTERRUPTED = Kind("bulk.interrupted", "A bulk act was interrupted", {"act": _("its id")})
LOGIN_NOT_POLLED = Kind("logins.not_polled", "A login cannot be polled", {"login": _("its id")})
