"""Encryption at rest of management keys and dead letters, with keys apart from `SECRET_KEY` and
rotation."""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class UndecryptableError(Exception):
    """None of `ENCRYPTION_KEYS` fits what was stored; put the key that wrote it back at the end of
    the list."""


@lru_cache(maxsize=4)
def _cipher(secrets: tuple[str, ...]) -> MultiFernet:
    # Any text serves as a secret: its SHA-256 is the 32-byte key that Fernet wants.
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))
            for secret in secrets
        ]
    )


def encrypt(plain: bytes) -> bytes:
    """Encrypt with the first of `ENCRYPTION_KEYS`."""
    return _cipher(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain)


def decrypt(encrypted: bytes) -> bytes:
    """Decrypt with whichever of `ENCRYPTION_KEYS` fits; raises UndecryptableError if none does."""
    try:
        return _cipher(tuple(settings.ENCRYPTION_KEYS)).decrypt(encrypted)
    except InvalidToken as error:
        raise UndecryptableError("no configured encryption key decrypts it") from error


def reencrypt(encrypted: bytes) -> bytes:
    """The same content under the first key; raises UndecryptableError."""
    try:
        return _cipher(tuple(settings.ENCRYPTION_KEYS)).rotate(encrypted)
    except InvalidToken as error:
        raise UndecryptableError("no configured encryption key decrypts it") from error
