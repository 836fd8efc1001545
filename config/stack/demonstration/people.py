"""The users of a demonstration. None can sign in: no password of theirs is known."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone

PEOPLE = ("alice", "bob", "carol", "dana", "erin", "frank", "grace", "heidi")
BOTS = ("ci", "report-bot", "review-bot", "support-bot")
# Of the people: who runs this. Beside them: who has a link to come in, and who has left.
STAFF, INVITED, LEFT = "grace", "ivan", "mallory"
_SEEN_DAYS_AGO = (0, 0, 1, 1, 1, 2, 0, 3)


def on_day(now: datetime, days_ago: int, clock: str) -> datetime:
    """When clocks of the installation's zone showed `HH:MM:SS`, so many days ago."""
    hour, minute, second = map(int, clock.split(":"))
    day = timezone.localtime(now) - timedelta(days=days_ago)
    return day.replace(hour=hour, minute=minute, second=second, microsecond=0)


def last_seen(name: str, now: datetime) -> datetime:
    """When one of the people last signed in: in the morning, one after the other."""
    place = PEOPLE.index(name)
    seen = on_day(now, _SEEN_DAYS_AGO[place], f"08:{4 + 7 * place:02}:{13 * place % 60:02}")
    return seen if seen < now else seen - timedelta(days=1)


def invited_at(now: datetime) -> datetime:
    """When the user was invited who has not come yet."""
    return on_day(now, 3, "10:18:44")


def left_at(now: datetime) -> datetime:
    """When the user left who may come in no more."""
    return on_day(now, 42, "16:05:12")


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
    left.date_joined, left.last_login = now - timedelta(days=280), on_day(now, 42, "08:31:50")
    invited = User(username=INVITED, password=make_password(None), date_joined=invited_at(now))
    User.objects.bulk_create([*users, left, invited], ignore_conflicts=True)
    return {user.username: user for user in User.objects.filter(username__in=(*PEOPLE, *BOTS))}
