"""The keyed hashes under which keys are known without being kept."""

import hashlib
import hmac
from typing import Any

import msgspec
from django.conf import settings

from monitoring import masking


def client_key_digest(key: str) -> bytes:
    """The keyed hash under which a client key is stored."""
    return hmac.digest(settings.USAGE_HASH_KEY.encode(), key.strip().encode(), hashlib.sha256)


def provider_key_digest(route: str, identity: tuple[str, ...]) -> bytes:
    """The keyed hash of what identifies an entry in a list of provider keys."""
    text = "\x00".join(("provider key", route, *identity))
    return hmac.digest(settings.USAGE_HASH_KEY.encode(), text.encode(), hashlib.sha256)


def last_four(key: str) -> str:
    """What is kept of a key in the clear; nothing of a short one."""
    shown = masking.last_four(key)
    return shown if shown.isprintable() else "".join(filter(str.isprintable, shown))


def value_digest(value: Any) -> str:
    """A keyed fingerprint of plain data, to tell later whether it is still the same; says nothing
    of the data."""
    return hmac.new(
        settings.USAGE_HASH_KEY.encode(), msgspec.json.encode(value, order="sorted"), hashlib.sha256
    ).hexdigest()
