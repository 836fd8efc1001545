"""Since when a user was away: opening the Overview half an hour or more after a visit began begins
the next one, which shows what happened since.

    no row --opened--> began_at = now
    began_at, opened within half an hour --> unchanged: the same visit, and nothing is written
    began_at, opened later --> previous_at = began_at, began_at = now

Polls are no visits: a tab that stays open all night must not hide the night. The database's clock
decides, and one statement, so that tabs that are opened at once begin one visit.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from monitoring.planned_statements import rows

VISIT = timedelta(minutes=30)
_READ = """
    /* usage.overview.visits */
    SELECT previous_at, began_at <= now() - %(visit)s FROM usage_visit WHERE user_id = %(user)s
"""
_BEGIN = """
    /* usage.overview.visits */
    INSERT INTO usage_visit AS held (user_id, began_at) VALUES (%(user)s, now())
    ON CONFLICT (user_id) DO UPDATE SET previous_at = held.began_at, began_at = now()
    WHERE held.began_at <= now() - %(visit)s
    RETURNING previous_at, false
"""


def previous_visit(
    user: AbstractBaseUser | AnonymousUser, *, is_opened: bool = False
) -> datetime | None:
    """When the visit before the present one began; None on the first. With `is_opened` the user
    opens the page, which may begin a visit."""
    parameters = {"user": user.pk, "visit": VISIT}
    previous, is_over = _read(parameters)
    if is_opened and is_over:
        begun = rows(_BEGIN, parameters)
        # Another tab may have been faster.
        previous = begun[0][0] if begun else _read(parameters)[0]
    return previous


def _read(parameters: dict[str, Any]) -> tuple[datetime | None, bool]:
    found = rows(_READ, parameters)
    return (found[0][0], found[0][1]) if found else (None, True)
