"""Sessions that are read together with their user: one statement finds the user.

Django asks for the session and then for its user, and composes both statements anew each time,
which was nearly half of what a call through the proxy cost. Everything else stays Django's: what a
session holds, how it is signed, renewed and ended. `user_of` answers by itself only where
everything fits; whatever is unusual (another backend, a password that was changed, an inactive
user, a secret that was rotated) it leaves to Django, which refuses, renews or signs out.

Nothing is cached between requests: revoking, deactivating and changing a password act on the
very next one.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from monitoring.planned_statements import columns, instance, rows

if TYPE_CHECKING:
    from config.sign_in.models import Session

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SessionStore(db.SessionStore):
    """Django's store in the database; `user` is whose session it was when it was read, and
    `language` what that user chose (empty: nothing)."""

    user: User | None = None
    language: str = ""

    @classmethod
    def get_model_class(cls) -> "type[Session]":
        return apps.get_model("sign_in", "Session")

    def create_model_instance(self, data: dict[str, Any]) -> "Session":
        session = cast(
            "Session", super().create_model_instance(data)
        )  # of the model that `get_model_class` names
        session.user_id = data.get(auth.SESSION_KEY)
        return session

    def load(self) -> dict[str, Any]:
        found = rows(_statement(), [self.session_key, timezone.now()])
        if not found:
            self._session_key = None
            return {}
        signed, user_id, language, *user = found[0]
        self.user = instance(User, user)[0] if user_id else None
        self.language = language or ""
        return self.decode(signed)


@lru_cache(maxsize=1)
def _statement() -> str:
    return f"""
        /* sign_in.sessions.load */
        SELECT
            session.session_data, auth_user.id, preferences.language,
            {columns(User, "auth_user")}
        FROM sign_in_session AS session
        LEFT JOIN auth_user ON auth_user.id = session.user_id
        LEFT JOIN sign_in_preferences AS preferences ON preferences.user_id = session.user_id
        WHERE session.session_key = %s AND session.expire_date > %s
    """


def user_of(request: HttpRequest) -> Any:
    """Whose session it is, or AnonymousUser; like `django.contrib.auth.get_user`, which it asks in
    doubt."""
    return _user_as_read(request.session) or auth.get_user(request)


def _user_as_read(session: Any) -> User | None:
    signed_in_as = session.get(auth.SESSION_KEY)  # reads the session
    user: User | None = session.user
    if (
        user is None
        or not user.is_active
        or signed_in_as != str(user.pk)
        or session.get(auth.BACKEND_SESSION_KEY) != BACKEND
    ):
        return None
    return (
        user
        if constant_time_compare(
            session.get(auth.HASH_SESSION_KEY, ""), user.get_session_auth_hash()
        )
        else None
    )
