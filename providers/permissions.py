"""Who may see and change what: staff everything, others what they own."""

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils.translation import gettext

from providers.errors import ChangeRefused


def may_manage(user: User, owner_id: int | None) -> bool:
    """Whether the user may change a thing of that owner."""
    return user.is_staff or (owner_id is not None and owner_id == user.pk)


def check_may_manage(user: User, owner_id: int | None) -> None:
    """Raise ChangeRefused where the user may not."""
    if not may_manage(user, owner_id):
        raise ChangeRefused(gettext("it is not yours"), "", "AUTH_INSUFFICIENT_PERMISSIONS")


def check_limit(owner: User, owned: models.QuerySet[models.Model], limit: int, what: str) -> None:
    """Raise ChangeRefused at the limit. Locks the owner's row until the transaction ends, so that
    no two count at once."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "a limit is checked in the transaction that uses it up"
        )
    User.objects.select_for_update().get(pk=owner.pk)
    if owned.count() >= limit:
        raise ChangeRefused(
            gettext("%(owner)s has %(limit)s %(what)s already, which is the limit")
            % {"owner": owner.get_username(), "limit": limit, "what": gettext(what)},
            "",
            "LIMIT_REACHED",
        )
