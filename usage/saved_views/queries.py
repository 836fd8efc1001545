"""Reading saved views: who sees which, and what of their filters no longer exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Q, QuerySet
from django.http import QueryDict

from management_proxy.models import Upstream
from providers.models import ClientKey, Credential
from usage.history.dimensions import Dimension, Filters, InvalidQuery
from usage.history.scope import Scope
from usage.models import SavedView, StartPage, UsageSeries


@dataclass(frozen=True, slots=True)
class Missing:
    """A filter whose value no longer exists, or is not the user's to see."""

    dimension: Dimension
    value: str


def visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[SavedView]:
    """A user's own views and all shared ones, by name."""
    return SavedView.objects.filter(Q(owner_id=user.pk) | Q(is_shared=True)).select_related("owner")


def may_change(view: SavedView, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether a user may rename, share and delete a view."""
    is_staff = bool(getattr(user, "is_staff", False))
    return view.owner_id == user.pk or (is_staff and view.is_shared)


def owned_by(user: User) -> list[SavedView]:
    """The views that a user would leave behind."""
    return list(SavedView.objects.filter(owner=user))


def start_view(user: User) -> SavedView | None:
    """The view that a user begins with; None for the Overview."""
    chosen = StartPage.objects.filter(user=user).select_related("view").first()
    return chosen.view if chosen else None


def filters_of(view: SavedView) -> Filters:
    """The filters of a view; none where they can no longer be read, which its page reports."""
    try:
        return Filters.from_query(QueryDict(view.query))
    except InvalidQuery:
        return Filters()


def missing_from(views: Iterable[SavedView], scope: Scope) -> dict[int, list[Missing]]:
    """What of the filters of each view no longer exists, by the view's number; a few statements
    for all of them."""
    filters = {view.pk: filters_of(view) for view in views}
    wanted: dict[Dimension, set[Any]] = {}
    for chosen in filters.values():
        for dimension, values in chosen.values.items():
            wanted.setdefault(dimension, set()).update(value for value in values if value)
    existing = {
        dimension: _existing(dimension, values, scope) for dimension, values in wanted.items()
    }
    return {
        pk: [
            Missing(dimension, dimension.written(value))
            for dimension, values in chosen.values.items()
            for value in values
            if value and value not in existing[dimension]
        ]
        for pk, chosen in filters.items()
    }


def _existing(dimension: Dimension, values: set[Any], scope: Scope) -> set[Any]:
    """Which of the values exist, and may be seen."""
    if not values or dimension.choices:
        return values
    rows, column = _rows(dimension, scope), dimension.value
    if dimension is Dimension.UPSTREAM or dimension.is_identity:
        column = "name" if dimension is Dimension.UPSTREAM else "pk"
    found = rows.filter(**{f"{column}__in": values})
    return set(found.values_list(column, flat=True).distinct())


def _rows(dimension: Dimension, scope: Scope) -> QuerySet[Any]:
    if dimension is Dimension.UPSTREAM:
        return Upstream.with_removed.all()
    if dimension is Dimension.CREDENTIAL:
        return Credential.objects.all()
    if not dimension.is_identity:
        return UsageSeries.objects.all()
    is_key = dimension is Dimension.KEY
    rows: QuerySet[Any] = (ClientKey if is_key else get_user_model()).objects.all()
    if scope.sees_everything:
        return rows
    return rows.filter(owner_id=scope.owner_id) if is_key else rows.filter(pk=scope.owner_id)
