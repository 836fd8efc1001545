"""The kinds of things that acts change, and what an act has to know of each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext, gettext_noop

from management_proxy.models import Upstream
from monitoring.texts.recorded import Recorded
from providers.accounts.actions import checked_field
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.models import BulkAct, BulkItem, Intent

BULK_ACT = Recorded(gettext_noop("bulk act #%(number)s"))
Thing = TypeVar("Thing")
Verb, Verdict = BulkAct.Verb, BulkItem.Verdict
# The change of an item for the act's user as they are now, or the intent of one that was requested
# already; what needs none is done (None). Raises ChangeRefused, QueueFull.
Send = Callable[[BulkItem, User], Change | Intent | None]


class Subject(ABC, Generic[Thing]):
    """One kind: which there are, what is planned for each, and how it is sent."""

    @abstractmethod
    def visible(self, upstream: Upstream, user: User) -> list[Thing]:
        """Those that the user may see and change. Raises UpstreamError."""

    @abstractmethod
    def filtered(self, things: list[Thing], filters: QueryDict, upstream: Upstream) -> list[Thing]:
        """Those that match the filters of their list."""

    @abstractmethod
    def name_of(self, thing: Thing) -> str:
        """What an item calls it."""

    @abstractmethod
    def planned(self, thing: Thing, verb: BulkAct.Verb, wanted: object) -> BulkItem:
        """What an act would do to it."""

    @abstractmethod
    def sender(self, act: BulkAct) -> Send:
        """How the items of an act are sent. It may read the upstream first; what it returns does
        not, checks the rights again, and is called in a transaction. Raises UpstreamError."""

    def chosen(
        self,
        upstream: Upstream,
        user: User,
        names: Collection[str],
        filters: QueryDict | None = None,
    ) -> list[Thing]:
        """Those of these names, or all that match the filters. Raises UpstreamError."""
        things = self.visible(upstream, user)
        if filters is not None:
            return self.filtered(things, filters, upstream)
        wanted = set(names)
        return [thing for thing in things if self.name_of(thing) in wanted]


def planned_item(
    name: str, label: str, *, is_so: bool, reason: str = "", refusal: str = ""
) -> BulkItem:
    """A planned item: refused, so already, or to be changed."""
    verdict = Verdict.REFUSED if refusal else Verdict.UNCHANGED if is_so else Verdict.CHANGES
    return BulkItem(name=name[:300], label=label[:300], verdict=verdict, reason=refusal or reason)


def owned_now(owner: User | None) -> str:
    """Whose it is now, as a reason."""
    return gettext("now of %(owner)s") % {"owner": owner.get_username()} if owner else ""


def noted_now(note: str) -> str:
    """Its present note, as a reason."""
    return gettext("now “%(value)s”") % {"value": note[:200]} if note else ""


def wanted_value(verb: BulkAct.Verb, value: str) -> object:
    """What the things shall have: a number, a text, a user, or None. Raises ChangeRefused."""
    value = value.strip()
    if verb == Verb.OWNER:
        owner = User.objects.filter(username=value, is_active=True).first() if value else None
        if value and owner is None:
            raise ChangeRefused(gettext("There is no such user."), "value")
        return owner
    if verb == Verb.NOTE:
        return checked_field("note", value)
    if verb == Verb.PRIORITY:
        if value and not value.removeprefix("-").isdecimal():
            raise ChangeRefused(gettext("Expected a whole number."), "value")
        return checked_field("priority", int(value[:12]) if value else None)
    return None


def wanted_owner(act: BulkAct) -> User | None:
    """The owner that an act gives. Raises ChangeRefused."""
    owner = wanted_value(Verb.OWNER, act.value)
    return owner if isinstance(owner, User) else None


def check_user(act: BulkAct, user: User) -> None:
    """Raise ChangeRefused if an act's user may not have it carried out any more."""
    if not user.is_active or (act.verb == Verb.OWNER and not user.is_staff):
        raise ChangeRefused(gettext("Its user may not do that any more."))
