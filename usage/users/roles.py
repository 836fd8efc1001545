"""Roles of users, and who may change whom."""

from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """From the one that may least to the one that may most."""

    USER = "user", _("user")
    STAFF = "staff", _("staff")
    ADMINISTRATOR = "administrator", _("administrator")

    @property
    def rank(self) -> int:
        """The higher, the more it may do."""
        return list(Role).index(self)


def role_of(user: User) -> Role:
    """The role that a user's rights amount to."""
    if user.is_superuser:
        return Role.ADMINISTRATOR
    return Role.STAFF if user.is_staff else Role.USER


def may_change(actor: User, user: User) -> bool:
    """Whether `actor` may disable, invite or reset `user`: administrators everybody, staff ordinary
    users alone, since a peer's rights may be more than one's own."""
    return actor.is_superuser or (actor.is_staff and role_of(user) is Role.USER)


def roles_given_by(actor: User) -> list[Role]:
    """The roles that `actor` may give."""
    return list(Role) if actor.is_superuser else [Role.USER]
