"""Client keys as what acts change; their names are their ids here.

A disabled one is withheld: removed upstream, and kept until it is enabled.
"""

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
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
from providers.client_keys.actions import Terms, adopt, edit, request_revocation
from providers.client_keys.queries import (
    STATES,
    listed_digests,
    listed_texts,
    matching,
    visible_rows,
)
from providers.client_keys.withholding import hold, let_go
from providers.errors import ChangeRefused
from providers.models import BulkAct, BulkItem, ClientKey, Intent
from providers.permissions import check_may_manage
from providers.web.forms import ListFilterForm

Verb, State = BulkAct.Verb, ClientKey.State


class ClientKeys(Subject[ClientKey]):
    """Keys that clients present to an upstream."""

    def visible(self, upstream: Upstream, user: User) -> list[ClientKey]:
        return list(visible_rows(user, upstream))

    def filtered(
        self, things: list[ClientKey], filters: QueryDict, upstream: Upstream
    ) -> list[ClientKey]:
        try:
            listed = listed_digests(client_for(upstream))
        except UpstreamError:
            listed = None
        return matching(things, listed, ListFilterForm(filters, STATES).chosen())

    def name_of(self, thing: ClientKey) -> str:
        return str(thing.pk)

    def planned(self, thing: ClientKey, verb: BulkAct.Verb, wanted: object) -> BulkItem:
        is_so = {
            Verb.ENABLE: thing.state == State.ACTIVE,
            Verb.DISABLE: thing.state == State.WITHHELD,
            Verb.NOTE: thing.note == (wanted or ""),
            Verb.OWNER: thing.owner == wanted and thing.state != State.SEEN,
            Verb.DELETE: thing.state == State.REVOKED,
        }[verb]
        label = f"{thing.display_name} (…{thing.last_four})" if thing.name else thing.display_name
        return planned_item(
            str(thing.pk),
            label,
            is_so=is_so,
            reason=_present(thing, verb),
            refusal="" if is_so else _refusal(thing, verb),
        )

    def sender(self, act: BulkAct) -> Send:
        keys = listed_texts(act.upstream) if act.verb in (Verb.DISABLE, Verb.OWNER) else {}

        def send(item: BulkItem, user: User) -> Intent | None:
            check_user(act, user)
            key = _key(act, item)
            check_may_manage(user, key.owner_id)
            if act.verb == Verb.DELETE:
                return request_revocation(key, user, BULK_ACT(number=act.pk))
            if act.verb == Verb.ENABLE:
                return let_go(key, user)
            if act.verb == Verb.DISABLE:
                return hold(key, keys, user)
            _edit(act, user, key, keys)
            return None

        return send


def _present(key: ClientKey, verb: BulkAct.Verb) -> str:
    if verb == Verb.NOTE:
        return noted_now(key.note)
    if verb == Verb.OWNER:
        return owned_now(key.owner)
    if verb == Verb.DISABLE:
        return gettext("The upstream refuses it until it is enabled.")
    if verb == Verb.DELETE:
        return gettext("The upstream refuses it from then on; its recorded usage is kept.")
    return ""


def _refusal(key: ClientKey, verb: BulkAct.Verb) -> str:
    """Why it cannot be done to a key in its state; empty if it can."""
    if verb == Verb.ENABLE and key.state != State.WITHHELD:
        return gettext("It is not disabled.")
    if verb == Verb.DISABLE and key.state != State.ACTIVE:
        return gettext("It is not in use, or Tollgate does not manage it.")
    if verb in (Verb.OWNER, Verb.NOTE) and key.state == State.REVOKED:
        return gettext("It is revoked.")
    return ""


def _key(act: BulkAct, item: BulkItem) -> ClientKey:
    rows = ClientKey.objects.select_related("owner", "upstream")
    if key := rows.filter(upstream=act.upstream, pk=int(item.name)).first():
        return key
    raise ChangeRefused(gettext("There is no such key any more."))


def _edit(act: BulkAct, user: User, key: ClientKey, listed: dict[bytes, str]) -> None:
    """Another owner or note; a key that was only seen is adopted with its owner."""
    if act.verb == Verb.NOTE:
        note = str(wanted_value(Verb.NOTE, act.value) or "")
        edit(key, user, owner=key.owner, name=key.name, terms=Terms.of(key), note=note)
    elif key.state == State.SEEN:
        adopt(key, user, owner=wanted_owner(act), name=key.name, listed=listed)
    else:
        edit(key, user, owner=wanted_owner(act), name=key.name, terms=Terms.of(key))
