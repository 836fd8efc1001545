"""Provider keys as what acts change; their names are `family:digest`."""

from dataclasses import replace

import msgspec
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import decrypt
from providers.bulk.subjects import (
    BULK_ACT,
    Send,
    Subject,
    check_user,
    noted_now,
    owned_now,
    planned_item,
    wanted_owner,
    wanted_value,
)
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.keys.actions import NewKey, rename, request_addition
from providers.keys.changes import EditEntry, RemoveEntry, SwitchEntry
from providers.keys.families import FAMILIES, UNNAMED
from providers.keys.queries import STATES, ListedKey, listed_keys, matching, visible_to
from providers.models import BulkAct, BulkItem, Intent, ProviderKey
from providers.permissions import check_may_manage
from providers.web.forms import ListFilterForm

Verb = BulkAct.Verb


class ProviderKeys(Subject[ListedKey]):
    """Keys of providers, but for custom providers, which have a page of their own."""

    def visible(self, upstream: Upstream, user: User) -> list[ListedKey]:
        return visible_to(user, listed_keys(upstream, client_for(upstream), UNNAMED))

    def filtered(
        self, things: list[ListedKey], filters: QueryDict, upstream: Upstream
    ) -> list[ListedKey]:
        return matching(things, ListFilterForm(filters, STATES).chosen())

    def name_of(self, thing: ListedKey) -> str:
        return thing.act_name

    def planned(self, thing: ListedKey, verb: BulkAct.Verb, wanted: object) -> BulkItem:
        is_so = {
            Verb.ENABLE: not thing.is_disabled,
            Verb.DISABLE: thing.is_disabled,
            Verb.PRIORITY: (thing.entry.get("priority") or 0) == (wanted or 0),
            Verb.NOTE: thing.note == (wanted or ""),
            Verb.OWNER: thing.row is not None and thing.owner == wanted,
            Verb.DELETE: False,
        }[verb]
        label = f"{thing.label} ({thing.masked_key})" if thing.name else thing.label
        return planned_item(thing.act_name, label, is_so=is_so, reason=_present(thing, verb))

    def sender(self, act: BulkAct) -> Send:
        if act.verb == Verb.ADD:
            return _adder(act)
        listed = {
            key.act_name: key
            for key in listed_keys(act.upstream, client_for(act.upstream), UNNAMED)
        }

        def send(item: BulkItem, user: User) -> Change | None:
            check_user(act, user)
            key = _current(act, listed.get(item.name))
            check_may_manage(user, key.owner_id)
            if act.verb == Verb.NOTE:
                note = str(wanted_value(Verb.NOTE, act.value) or "")
                rename(act.upstream, key, user, note=note, owner=key.owner)
                return None
            if act.verb == Verb.OWNER:
                rename(act.upstream, key, user, owner=wanted_owner(act), owner_given=True)
                return None
            return _change_of(act, key)

        return send


def _adder(act: BulkAct) -> Send:
    family, reason = FAMILIES[act.value], BULK_ACT(number=act.pk)

    def send(item: BulkItem, user: User) -> Intent:
        check_user(act, user)
        entry = msgspec.json.decode(decrypt(bytes(item.content_encrypted)))
        new = NewKey(family, entry, owner=user)
        return request_addition(act.upstream, new, user, reason)

    return send


def _present(key: ListedKey, verb: BulkAct.Verb) -> str:
    if verb == Verb.PRIORITY:
        return gettext("now %(value)s") % {"value": key.entry.get("priority") or 0}
    if verb == Verb.NOTE:
        return noted_now(key.note)
    if verb == Verb.OWNER:
        return owned_now(key.owner)
    if verb == Verb.DELETE:
        return gettext("Requests stop using this key; its recorded usage is kept.")
    return ""


def _current(act: BulkAct, listed: ListedKey | None) -> ListedKey:
    """A key with its row as it is now. Raises ChangeRefused if the upstream does not list it."""
    if listed is None:
        raise ChangeRefused(gettext("The upstream does not list it any more."))
    rows = ProviderKey.objects.filter(upstream=act.upstream, family=listed.family.name)
    return replace(listed, row=rows.filter(digest=listed.digest).select_related("owner").first())


def _change_of(act: BulkAct, key: ListedKey) -> Change:
    family, identity = key.family.name, key.identity
    if act.verb == Verb.DELETE:
        return RemoveEntry(family_name=family, identity=identity)
    if act.verb in (Verb.ENABLE, Verb.DISABLE):
        disabled = act.verb == Verb.DISABLE
        return SwitchEntry(family_name=family, identity=identity, disabled=disabled)
    return EditEntry(
        family_name=family,
        identity=identity,
        fields={"priority": wanted_value(Verb.PRIORITY, act.value)},
        opened={"priority": key.entry.get("priority")},
    )
