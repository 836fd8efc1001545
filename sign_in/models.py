"""What signing in keeps in the database."""

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from sign_in.sessions import SessionStore


class Session(AbstractBaseSession):
    """One session, as Django keeps it, and whose it is; ends with its user."""

    # Without the database's own check: a request that ends while its user is deleted must not fail for it.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions", db_constraint=False)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        return SessionStore
