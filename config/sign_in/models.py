"""What signing in keeps in the database."""

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from config.sign_in.sessions import SessionStore


class Session(AbstractBaseSession):
    """One session, as Django keeps it, and whose it is; ends with its user."""

    # Without the database's own check: a request that ends while its user is deleted must not fail
    # for it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="sessions",
        db_constraint=False,
    )

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        return SessionStore


class FailedSignIns(models.Model):
    """Attempts to sign in, to one account or from one address, since the last that succeeded
    (`config/sign_in/throttle.py`)."""

    subject = models.BinaryField(
        max_length=32, primary_key=True, help_text="Digest of the account's name or of the address."
    )
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(help_text="On the database's clock.")
    wait_until = models.DateTimeField(help_text="Until then no attempt is made.")

    class Meta:
        indexes = (models.Index(fields=("last_at",), name="failed_sign_ins_last"),)

    def __str__(self) -> str:
        return f"{self.failures} until {self.last_at}"


class Preferences(models.Model):
    """What a user chose for the pages, wherever they sign in; none chose nothing."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    language = models.CharField(
        max_length=16, blank=True, help_text="Code of the language; empty: as the browser prefers."
    )

    def __str__(self) -> str:
        return f"{self.user}: {self.language or 'any language'}"


class PasswordLink(models.Model):
    """The link by which a user may set a password once (`config/sign_in/links.py`)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="password_link"
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    expires_at = models.DateTimeField(help_text="On the database's clock.")

    def __str__(self) -> str:
        return f"{self.user_id} until {self.expires_at:%Y-%m-%d %H:%M}"
