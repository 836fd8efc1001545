"""What changes about saved views.

Owners change their own views; staff also those that are shared, since these are everyone's list.
What concerns other users is audited. All raise Refused, in words for the page.
"""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from monitoring.audit import trail
from usage.models import SavedView, StartPage
from usage.models.saved_views import LONGEST_NAME
from usage.saved_views.queries import may_change

MOST_PER_USER = 100


class Refused(Exception):
    """What cannot be done."""


@transaction.atomic
def save(owner: User, name: str, page: str, query: str, *, is_shared: bool) -> SavedView:
    """A view under this name; the owner's view that had the name becomes this one."""
    # Two tabs that save at once are one after the other.
    User.objects.select_for_update().get(pk=owner.pk)
    own = SavedView.objects.filter(owner=owner)
    view = own.filter(name=name).first() or SavedView(owner=owner, name=name)
    if view.pk is None and own.count() >= MOST_PER_USER:
        text = _("There are %(most)s saved views already; delete one first.")
        raise Refused(text % {"most": MOST_PER_USER})
    was_shared = view.is_shared
    view.page, view.query, view.is_shared, view.changed_at = page, query, is_shared, Now()
    view.save()
    if not is_shared:
        _end_start_pages_of_others(view)
    if is_shared or was_shared:
        _record(owner, "saved_view.saved", view)
    return view


def rename(view: SavedView, name: str, by: User) -> None:
    """Give a view another name, which none of its owner's views has."""
    _check(view, by)
    view.name = name
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise Refused(_("Another saved view has this name.")) from error
    if view.is_shared:
        _record(by, "saved_view.renamed", view)


@transaction.atomic
def set_shared(view: SavedView, by: User, *, is_shared: bool) -> None:
    """Show a view to every user, or to its owner alone."""
    _check(view, by)
    if not is_shared and view.owner_id is None:
        raise Refused(_("No user owns this view: it can be shared or deleted."))
    view.is_shared = is_shared
    view.save(update_fields=["is_shared"])
    if not is_shared:
        _end_start_pages_of_others(view)
    _record(by, "saved_view.shared" if is_shared else "saved_view.unshared", view)


@transaction.atomic
def delete(view: SavedView, by: User) -> None:
    """Delete a view; whose start page it was, begins with the Overview again."""
    _check(view, by)
    if view.is_shared:
        _record(by, "saved_view.deleted", view)
    view.delete()


def start_with(view: SavedView | None, user: User) -> None:
    """Make a view the start page of a user; None is the Overview."""
    if view is None:
        StartPage.objects.filter(user=user).delete()
    else:
        StartPage.objects.update_or_create(user=user, defaults={"view": view})


def hand_over(views: Sequence[SavedView], to: User | None) -> None:
    """Give a user's shared views to another or to none, and delete the others. The caller's
    transaction makes it one act."""
    taken = set(SavedView.objects.filter(owner=to).values_list("name", flat=True)) if to else set()
    for view in views:
        if not view.is_shared:
            view.delete()
            continue
        view.owner, view.name = to, _free_name(view.name, taken)
        view.save(update_fields=["owner", "name"])
        taken.add(view.name)


def _end_start_pages_of_others(view: SavedView) -> None:
    StartPage.objects.filter(view=view).exclude(user=F("view__owner")).delete()


def _free_name(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        suffix = f" ({number})"
        found, number = f"{name[: LONGEST_NAME - len(suffix)]}{suffix}", number + 1
    return found


def _check(view: SavedView, by: User) -> None:
    if not may_change(view, by):
        raise Refused(_("Only its owner and staff may change this view."))


def _record(by: User, action: str, view: SavedView) -> None:
    detail = {"page": view.page, "query": view.query, "shared": view.is_shared}
    trail.record(by, action, view.name, outcome=trail.Outcome.SUCCEEDED, detail=detail)
