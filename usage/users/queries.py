"""Reading users: who they are, what they own, and what their client keys used in the last days."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from management_proxy.models import PersonalToken
from providers.models import Account, ClientKey, ProviderKey
from usage.history.dimensions import Dimension, InvalidQuery
from usage.history.measures import Measures
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery, breakdown
from usage.history.windows import Period
from usage.users.roles import Role, role_of

DAYS = 30
_EVERYBODY = Scope(owner_id=None, sees_everything=True)
# More groups than there can be users on one list.
_ALL = 1_000_000


class State(StrEnum):
    """Whether a user can sign in."""

    ACTIVE = "active"
    INVITED = "invited"
    DISABLED = "disabled"


@dataclass(frozen=True)
class UserRow:
    """One user, how much they own, and what their client keys used (None: nothing)."""

    user: User
    client_keys: int
    provider_keys: int
    accounts: int
    tokens: int
    used: Measures | None

    @property
    def role(self) -> Role:
        return role_of(self.user)

    @property
    def state(self) -> State:
        return state_of(self.user)

    @property
    def requests(self) -> int:
        """Client requests."""
        return self.used.requests if self.used else 0

    @property
    def tokens_used(self) -> int:
        """Tokens of models."""
        return self.used.total_tokens if self.used else 0

    @property
    def cost(self) -> int | None:
        """Nano-dollars; None where nothing has a price."""
        return self.used.cost_nano_usd if self.used else None


SORTS: dict[str, Callable[[UserRow], tuple[object, ...]]] = {
    "name": lambda row: (row.user.get_username().lower(),),
    "usage": lambda row: (-row.tokens_used, row.user.get_username().lower()),
    "keys": lambda row: (-row.client_keys, row.user.get_username().lower()),
    "accounts": lambda row: (-row.accounts, row.user.get_username().lower()),
    "seen": lambda row: (
        -(row.user.last_login.timestamp() if row.user.last_login else 0),
        row.user.get_username().lower(),
    ),
}


def state_of(user: User) -> State:
    """The state of one user; who never set a password is still invited."""
    if not user.is_active:
        return State.DISABLED
    return State.ACTIVE if user.has_usable_password() else State.INVITED


def user_rows(text: str = "", state: str = "", sort: str = "name") -> list[UserRow]:
    """The users whose name contains a text, in a state, in an order of `SORTS`."""
    found = User.objects.filter(username__icontains=text) if text else User.objects.all()
    rows = [row for row in _rows(found) if state in ("", row.state)]
    return sorted(rows, key=SORTS[sort])


def user_row(user: User) -> UserRow:
    """One user."""
    (row,) = _rows(User.objects.filter(pk=user.pk))
    return row


def _rows(users: QuerySet[User]) -> list[UserRow]:
    in_use = ClientKey.objects.exclude(state=ClientKey.State.REVOKED)
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    tokens = PersonalToken.objects.filter(live, revoked_at=None)
    client_keys, provider_keys, accounts = (
        _counted(owned, "owner")
        for owned in (in_use, ProviderKey.objects.all(), Account.objects.all())
    )
    live_tokens, used = _counted(tokens, "user"), usage_by_user()
    return [
        UserRow(
            user,
            client_keys.get(user.pk, 0),
            provider_keys.get(user.pk, 0),
            accounts.get(user.pk, 0),
            live_tokens.get(user.pk, 0),
            used.get(user.pk),
        )
        for user in users
    ]


def _counted(owned: QuerySet[Any], by: str) -> dict[int, int]:
    groups = owned.order_by().values_list(by).annotate(Count("pk"))
    return dict(groups.exclude(**{by: None}))


def usage_by_user() -> dict[int, Measures]:
    """What the client keys of each user used in the last days; empty where it would need events
    that are gone."""
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    period = Period.of_days(first, today, ZoneInfo(timezone.get_default_timezone_name()))
    query = SummaryQuery(period, _EVERYBODY, groups=(Dimension.USER,), top=_ALL)
    try:
        found = cached("users", query, _EVERYBODY, lambda: breakdown(query)).value
    except InvalidQuery:
        return {}
    named = ((group.name[Dimension.USER].value, group.measures) for group in found.groups)
    return {int(value): measures for value, measures in named if value.isdecimal()}
