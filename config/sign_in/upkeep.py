"""What is done by itself: sessions that have ended, failed attempts that count no more, and expired
links are forgotten."""

from datetime import timedelta

from django.utils.translation import gettext_noop as _

from config.sign_in.links import forget_expired
from config.sign_in.sessions import SessionStore
from config.sign_in.throttle import forget_old
from monitoring.periodic import Task


def forget() -> str:
    """Delete what is over."""
    SessionStore.clear_expired()
    forget_old()
    forget_expired()
    return "Sessions that had ended, old attempts and expired links are gone."


FORGET = Task(
    "sign in",
    _("Forget ended sessions"),
    forget,
    timedelta(days=1),
    hour=4,
    why=_("Ended sessions admit no one, but their table grows."),
    fix=_("See the log for the error, and run `manage.py clearsessions`."),
)
