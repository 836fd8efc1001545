"""What a user owns of the upstreams, and its transfer to another user, or to none."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from providers.client_keys.actions import request_revocation
from providers.models import Account, ClientKey, Intent, Placement, ProviderGroup, ProviderKey


@dataclass(frozen=True)
class Owned:
    """Everything of the upstreams that belongs to one user; revoked client keys stay theirs, with
    the usage of that time."""

    client_keys: Sequence[ClientKey]
    provider_keys: Sequence[ProviderKey]
    accounts: Sequence[Account]
    groups: Sequence[ProviderGroup]

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def identities(self) -> list[tuple[str, int]]:
        """Names and numbers of all, to find out whether it is still the same."""
        return [(field.name, row.pk) for field in fields(self) for row in getattr(self, field.name)]


def client_keys_of(user: User) -> models.QuerySet[ClientKey]:
    """The client keys of a user that are not revoked."""
    return user.client_keys.exclude(state=ClientKey.State.REVOKED)


def owned_by(user: User) -> Owned:
    """What the user owns now."""
    return Owned(
        list(client_keys_of(user).select_related("upstream")),
        list(user.provider_keys.select_related("upstream")),
        list(user.accounts.select_related("upstream")),
        list(user.provider_groups.select_related("upstream")),
    )


def transfer(owned: Owned, to: User | None, *, with_client_keys: bool) -> None:
    """Make `to` the owner. The caller's transaction makes it one act."""
    if with_client_keys:
        _own(ClientKey, owned.client_keys, owner=to)
    _own(ProviderKey, owned.provider_keys, owner=to)
    granted = {"origin": Account.Origin.GRANT, "since": timezone.now()}
    _own(Account, owned.accounts, owner=to, **granted)
    for group in owned.groups:
        _transfer_group(group, to)


def _own(model: type[models.Model], rows: Sequence[models.Model], **values: object) -> None:
    model._default_manager.filter(pk__in=[row.pk for row in rows]).update(**values)


def _transfer_group(group: ProviderGroup, to: User | None) -> None:
    """Into the group of the same name that the new owner has, if there is one."""
    same = ProviderGroup.objects.filter(upstream=group.upstream, owner=to, name=group.name).first()
    if same is None:
        ProviderGroup.objects.filter(pk=group.pk).update(owner=to)
        return
    Placement.objects.filter(group=group).update(group=same)
    group.delete()


def request_revocations(keys: Sequence[ClientKey], by: User, reason: str) -> list[Intent]:
    """Changes that remove client keys upstream, to be carried out once the caller's transaction is
    committed. Raises ChangeRefused."""
    return [request_revocation(key, by, reason) for key in keys]
