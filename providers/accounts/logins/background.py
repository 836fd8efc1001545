"""Polling open logins while no browser does: the upstream forgets a finished one after a minute.

One thread per login in the process that began it, until the login is over. It dies with the
process; the polls of the login's page do the same.
"""

import logging
import threading
import time

from django.db import Error as DatabaseError
from django.db import connection

from providers import log_kinds as kinds
from providers.accounts.logins.polling import poll
from providers.models import AccountLogin

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_POLLS = 3.0
MOST_WATCHED = 20
_watched: set[int] = set()
_guard = threading.Lock()


def watch(login: AccountLogin) -> None:
    """Poll a login until it is over; too many at once are left to their pages."""
    with _guard:
        if login.pk in _watched or len(_watched) >= MOST_WATCHED:
            return
        _watched.add(login.pk)
    threading.Thread(
        target=_keep_polling, args=(login.pk,), name=f"login {login.pk}", daemon=True
    ).start()


def _keep_polling(login_id: int) -> None:
    try:
        while _poll_once(login_id):
            time.sleep(SECONDS_BETWEEN_POLLS)
    finally:
        connection.close()
        with _guard:
            _watched.discard(login_id)


def _poll_once(login_id: int) -> bool:
    """Whether it is still open."""
    try:
        login = AccountLogin.objects.select_related("upstream").filter(pk=login_id).first()
        return login is not None and poll(login).is_open
    except DatabaseError:
        connection.close()
        return True
    except Exception:
        kinds.LOGIN_NOT_POLLED.log_exception(logger, logging.ERROR, login=login_id)
        return False
    finally:
        connection.close()
