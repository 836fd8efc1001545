"""The users of a demonstration. None can sign in: no password of theirs is known."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

PEOPLE = ("alice", "bob", "carol", "dana", "erin", "frank", "grace", "heidi")
BOTS = ("ci", "report-bot", "review-bot", "support-bot")
# Of the people: who runs this. Beside them: who has a link to come in, and who has left.
STAFF, INVITED, LEFT = "grace", "ivan", "mallory"
INVITED_BEFORE, LEFT_BEFORE = timedelta(days=3, hours=5), timedelta(days=42)


def last_seen(name: str, now: datetime) -> datetime:
    """When one of the people last signed in."""
    return now - timedelta(hours=3 + 7 * PEOPLE.index(name), minutes=11 * PEOPLE.index(name))


def store_users(now: datetime) -> dict[str, User]:
    """Store them and return those who may own something, by name; those who exist already stay as
    they are."""
    # Deriving a hash takes long on purpose: one that no password fits serves all.
    password = make_password(secrets.token_urlsafe(32))
    users = [
        User(
            username=name,
            password=password,
            is_staff=name == STAFF,
            date_joined=now - timedelta(days=200 - 9 * number),
            last_login=last_seen(name, now) if name in PEOPLE else None,
        )
        for number, name in enumerate((*PEOPLE, *BOTS))
    ]
    left = User(username=LEFT, password=password, is_active=False)
    left.date_joined, left.last_login = now - timedelta(days=280), now - LEFT_BEFORE
    invited = User(username=INVITED, password=make_password(None), date_joined=now - INVITED_BEFORE)
    User.objects.bulk_create([*users, left, invited], ignore_conflicts=True)
    return {user.username: user for user in User.objects.filter(username__in=(*PEOPLE, *BOTS))}
