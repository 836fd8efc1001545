"""What is done by itself: sessions that have ended, and failed attempts that count no more, are
forgotten."""

from datetime import timedelta

from django.utils.translation import gettext_noop as _

from config.sign_in.sessions import SessionStore
from config.sign_in.throttle import forget_old
from monitoring.periodic import Task


def forget() -> str:
    """Delete what is over."""
    SessionStore.clear_expired()
    forget_old()
    return "Sessions that had ended and old attempts are gone."


FORGET = Task(
    "sign in",
    _("Forget ended sessions"),
    forget,
    timedelta(days=1),
    hour=4,
    why=_("Ended sessions admit no one, but their table grows."),
    fix=_("See the log for the error, and run `manage.py clearsessions`."),
)
