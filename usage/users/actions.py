"""Inviting users, disabling and enabling them, their roles, and links by which they set a password.

    none --invite--> invited --link used--> active --disable--> disabled --enable--> active

Invariants
* There is always an active administrator: whoever takes the right from one first locks the rows of
  all, and those who wait see what was taken meanwhile.
* Disabling ends sessions, tokens and links in one transaction; enabling brings none of them back.
* Staff act on ordinary users, administrators on all (`usage/users/roles.py`).
"""

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.sign_in.links import make_link
from config.sign_in.models import PasswordLink, Session
from management_proxy.tokens.actions import revoke_all
from monitoring.audit import trail
from usage.users.roles import Role, may_change, role_of, roles_given_by

LAST_ADMINISTRATOR = gettext_lazy(
    "This is the last administrator who can sign in: make another user one first."
)


class Refused(Exception):
    """What cannot be done, in words for the page."""


def invite(name: str, role: Role, by: User) -> tuple[User, str]:
    """A new user without a password, and the secret of the link that sets one. Raises Refused."""
    if role not in roles_given_by(by):
        raise Refused(_("Only administrators may give this role."))
    user = User(username=name, is_staff=role is not Role.USER)
    user.is_superuser = role is Role.ADMINISTRATOR
    user.set_unusable_password()
    try:
        with transaction.atomic():
            if User.objects.filter(username__iexact=name).exists():
                raise Refused(_("A user of this name exists already."))
            user.save()
            secret = make_link(user)
            _record(by, "user.invited", user, role=role.value)
    except IntegrityError as error:
        raise Refused(_("A user of this name exists already.")) from error
    return user, secret


@transaction.atomic
def new_link(user_id: int, by: User) -> tuple[User, str]:
    """A link by which the user sets a password, once; the one before is refused from now on. Raises
    Refused."""
    user = _locked(user_id, by)
    if not user.is_active:
        raise Refused(_("The user is disabled: enable them first."))
    secret = make_link(user)
    _record(by, "user.link_made", user)
    return user, secret


@transaction.atomic
def disable(user_id: int, by: User) -> User:
    """Let the user in no more; sessions, tokens and links end at once. Raises Refused."""
    user = _locked(user_id, by, keeps_an_administrator=True)
    if user.is_active:
        user.is_active = False
        user.save(update_fields=["is_active"])
        end_access(user, by)
        _record(by, "user.disabled", user)
    return user


def end_access(user: User, by: User) -> None:
    """End the sessions, personal tokens and links of a user, whose row is locked."""
    Session.objects.filter(user=user).delete()
    PasswordLink.objects.filter(user=user).delete()
    revoke_all(user, by)


@transaction.atomic
def enable(user_id: int, by: User) -> User:
    """Let a disabled user in again. Raises Refused."""
    user = _locked(user_id, by)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
        _record(by, "user.enabled", user)
    return user


@transaction.atomic
def set_role(user_id: int, role: Role, by: User) -> User:
    """Give the user another role. Raises Refused."""
    if role not in roles_given_by(by):
        raise Refused(_("Only administrators may give this role."))
    user = _locked(user_id, by, keeps_an_administrator=role is not Role.ADMINISTRATOR)
    before = role_of(user)
    if role is not before:
        user.is_staff, user.is_superuser = role is not Role.USER, role is Role.ADMINISTRATOR
        user.save(update_fields=["is_staff", "is_superuser"])
        _record(by, "user.role_changed", user, role_before=before.value, role=role.value)
    return user


def _locked(user_id: int, by: User, *, keeps_an_administrator: bool = False) -> User:
    """The user, whose row stays locked until the transaction ends. Raises Refused if `by` may not
    change them, or if they are the last administrator who must stay one."""
    wanted = Q(pk=user_id)
    if keeps_an_administrator:
        wanted |= Q(is_superuser=True, is_active=True)
    rows = {row.pk: row for row in User.objects.select_for_update().filter(wanted).order_by("pk")}
    user = rows.pop(user_id, None)
    if user is None or not may_change(by, user):
        raise Refused(_("Only administrators may change this user."))
    is_administrator = user.is_superuser and user.is_active
    if keeps_an_administrator and is_administrator and not rows:
        raise Refused(str(LAST_ADMINISTRATOR))
    return user


def is_last_administrator(user_id: int) -> bool:
    """Whether no other administrator could sign in; in a transaction, it stays so to its end."""
    rows = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    if connection.in_atomic_block:
        rows = rows.select_for_update()
    return [row.pk for row in rows] == [user_id]


def _record(by: User, action: str, user: User, **detail: object) -> None:
    trail.record(
        by, action, user.get_username(), outcome=trail.Outcome.SUCCEEDED, detail=detail or None
    )
