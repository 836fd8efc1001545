"""The first administrator of an empty installation."""

import secrets

from django.contrib.auth.models import User
from django.db import IntegrityError

from config.stack.errors import CannotStart
from config.stack.supervisor import say


def ensure_first_administrator(name: str, password: str, email: str) -> None:
    """Make a superuser unless there is one; a generated password is shown this once. Raises
    CannotStart."""
    if User.objects.filter(is_superuser=True).exists():
        return
    chosen = password or secrets.token_urlsafe(12)
    try:
        User.objects.create_superuser(name, email, chosen)
    except IntegrityError as error:
        raise CannotStart(
            f"the user {name} exists and is no administrator: set DJANGO_SUPERUSER_USERNAME to"
            " another name"
        ) from error
    shown = "as configured" if password else f"{chosen}   (shown this once)"
    say(f"tollgate: first administrator: {name}   password: {shown}")
