"""What users do with provider keys. Each action that changes the upstream returns its intent."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext, gettext_noop

from management_proxy.models import Upstream
from monitoring.audit import trail
from providers.digests import last_four
from providers.errors import ChangeRefused
from providers.funnel.writes import carry_out, perform, submit
from providers.keys.changes import AddEntry, EditEntry, PutEntry, RemoveEntry, SwitchEntry
from providers.keys.entries import Entry, identity_of, merged
from providers.keys.entry_rules import check_whole, checked_fields
from providers.keys.families import FAMILIES, Family
from providers.keys.queries import ListedKey
from providers.models import Intent, ProviderKey
from providers.permissions import check_limit, check_may_manage


def family_of(name: str) -> Family:
    """The family of that name; raises ChangeRefused."""
    if name not in FAMILIES:
        raise ChangeRefused(
            gettext("expected one of %(names)s; got %(name)s")
            % {"names": ", ".join(FAMILIES), "name": f"{name[:60]!r}"},
            "provider",
            "PROVIDER_INVALID",
        )
    return FAMILIES[name]


@dataclass(frozen=True)
class NewKey:
    """A key to be added: the fields of its entry, whose it is to be, and what it is called here."""

    family: Family
    fields: Entry
    owner: User | None
    name: str = ""
    note: str = ""


def add(upstream: Upstream, new: NewKey, actor: User, reason: str = "") -> Intent:
    """Add a key. Raises ChangeRefused; the limit of its owner holds for everybody but staff."""
    return carry_out(request_addition(upstream, new, actor, reason))


def request_addition(upstream: Upstream, new: NewKey, actor: User, reason: str = "") -> Intent:
    """The same, to be carried out later."""
    family, owner = new.family, new.owner
    checked = checked_fields(family, new.fields)
    entry = {field: value for field, value in checked.items() if value is not None}
    check_whole(family, entry)
    identity = identity_of(family, entry)
    change = AddEntry(family_name=family.name, identity=identity, entry=entry)
    with transaction.atomic():
        if owner and not actor.is_staff:
            owned = ProviderKey.objects.filter(upstream=upstream, owner=owner)
            check_limit(
                owner, owned, settings.MAX_PROVIDER_KEYS_PER_USER, gettext_noop("provider keys")
            )
        _save_requested(
            ProviderKey(
                upstream=upstream,
                family=family.name,
                digest=change.digest,
                name=new.name[:100],
                note=new.note,
                owner=owner,
                state=ProviderKey.State.REQUESTED,
                last_four=last_four(str(entry.get("api-key") or "")),
                base_url=str(entry.get("base-url") or ""),
            ),
            family,
        )
        return submit(upstream, change, actor, reason)


def _save_requested(row: ProviderKey, family: Family) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ChangeRefused(
            gettext("this key is managed here already"), family.identity[0], "KEY_ALREADY_EXISTS"
        ) from error


def edit(
    upstream: Upstream,
    listed: ListedKey,
    fields: Entry,
    actor: User,
    *,
    opened: Entry | None = None,
    reason: str = "",
) -> Intent:
    """Set some fields, None removing one; `opened` is what the editor saw of them. Raises
    ChangeRefused."""
    check_may_manage(actor, listed.owner_id)
    checked = checked_fields(listed.family, fields)
    check_whole(listed.family, merged(listed.entry, checked))
    seen = listed.entry if opened is None else opened
    change = EditEntry(
        family_name=listed.family.name,
        identity=listed.identity,
        fields=checked,
        opened={name: seen.get(name) for name in checked},
    )
    return perform(upstream, change, actor, reason)


def switch(
    upstream: Upstream, listed: ListedKey, disabled: bool, actor: User, reason: str = ""
) -> Intent:
    """Take it out of use, or back into use. Raises ChangeRefused."""
    check_may_manage(actor, listed.owner_id)
    change = SwitchEntry(
        family_name=listed.family.name, identity=listed.identity, disabled=disabled
    )
    return perform(upstream, change, actor, reason)


def remove(upstream: Upstream, listed: ListedKey, actor: User, reason: str = "") -> Intent:
    """Remove it upstream, and then its owner here. Raises ChangeRefused."""
    check_may_manage(actor, listed.owner_id)
    change = RemoveEntry(family_name=listed.family.name, identity=listed.identity)
    return perform(upstream, change, actor, reason)


def restore(upstream: Upstream, row: ProviderKey, actor: User | None, reason: str = "") -> Intent:
    """Put back what the upstream lost or had changed by others. Raises ChangeRefused if nothing is
    kept of it."""
    if not (entry := row.entry):
        raise ChangeRefused(gettext("nothing is kept of it that could be put back"))
    identity = identity_of(FAMILIES[row.family], entry)
    change = PutEntry(family_name=row.family, identity=identity, entry=entry)
    return perform(upstream, change, actor, reason)


def adopt(
    upstream: Upstream,
    listed: ListedKey,
    actor: User | None,
    *,
    owner: User | None,
    name: str = "",
    note: str = "",
) -> ProviderKey:
    """Manage an entry that exists upstream, with an owner, as it is there now."""
    row, _ = ProviderKey.objects.get_or_create(
        upstream=upstream, family=listed.family.name, digest=listed.digest
    )
    row.owner, row.name, row.note = owner, name[:100], note
    row.state = ProviderKey.State.ACTIVE
    row.store_entry(listed.entry)
    row.save()
    owner_name = owner.get_username() if owner else "nobody"
    trail.record(
        actor,
        "provider_key.adopted",
        listed.label,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        detail={"owner": owner_name},
    )
    return row


def rename(
    upstream: Upstream,
    listed: ListedKey,
    actor: User,
    *,
    name: str | None = None,
    note: str | None = None,
    owner: User | None = None,
    owner_given: bool = False,
) -> None:
    """Give a key another name, note or owner here, without the upstream; one that is not managed is
    adopted. Raises ChangeRefused."""
    check_may_manage(actor, listed.owner_id)
    if listed.row is None:
        adopt(upstream, listed, actor, owner=owner, name=name or "", note=note or "")
        return
    changed = {
        **({"name": name} if name is not None else {}),
        **({"note": note} if note is not None else {}),
        **({"owner": owner} if owner_given else {}),
    }
    ProviderKey.objects.filter(pk=listed.row.pk).update(**changed)
    detail = {field: str(value) for field, value in changed.items()}
    trail.record(
        actor,
        "provider_key.renamed",
        listed.label,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )


def forget(row: ProviderKey, actor: User | None) -> None:
    """Manage it no longer; the upstream keeps it."""
    row.delete()
    trail.record(
        actor,
        "provider_key.forgotten",
        str(row),
        upstream=row.upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
    )
