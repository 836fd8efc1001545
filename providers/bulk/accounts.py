"""Accounts as what acts change; their names are those of their files."""

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import decrypt
from providers.accounts.actions import grant_file
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.accounts.changes import (
    DeleteAccount,
    SetAccountFields,
    SwitchAccount,
    UploadAuthFile,
)
from providers.accounts.forms import AccountFilterForm
from providers.accounts.queries import AccountRow, account_rows, matching, may_change
from providers.accounts.uploads import checked_upload
from providers.bulk.subjects import (
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
from providers.models import Account, BulkAct, BulkItem

Verb = BulkAct.Verb


class Accounts(Subject[AccountRow]):
    """OAuth accounts of an upstream."""

    def visible(self, upstream: Upstream, user: User) -> list[AccountRow]:
        return account_rows(upstream, user)

    def filtered(
        self, things: list[AccountRow], filters: QueryDict, upstream: Upstream
    ) -> list[AccountRow]:
        return matching(things, **AccountFilterForm(filters).chosen())

    def name_of(self, thing: AccountRow) -> str:
        return thing.file.name

    def planned(self, thing: AccountRow, verb: BulkAct.Verb, wanted: object) -> BulkItem:
        file = thing.file
        is_so = {
            Verb.ENABLE: not file.is_disabled,
            Verb.DISABLE: file.is_disabled,
            Verb.PRIORITY: (file.priority or 0) == (wanted or 0),
            Verb.NOTE: file.note == (wanted or ""),
            Verb.OWNER: thing.owner == wanted,
            Verb.DELETE: False,
        }[verb]
        return planned_item(file.name, "", is_so=is_so, reason=_present(thing, verb))

    def sender(self, act: BulkAct) -> Send:
        files = _listed(act.upstream) if act.verb == Verb.OWNER else {}

        def send(item: BulkItem, user: User) -> Change | None:
            check_user(act, user)
            if item.verdict != BulkItem.Verdict.NEW and not may_change(
                act.upstream, user, item.name
            ):
                raise ChangeRefused(gettext("It is not yours any more."))
            if act.verb == Verb.OWNER:
                _grant(act, user, files.get(item.name))
                return None
            return _change_of(act, item)

        return send


def _present(row: AccountRow, verb: BulkAct.Verb) -> str:
    """What an account has now of what will be changed."""
    if verb == Verb.PRIORITY:
        return gettext("now %(value)s") % {"value": row.file.priority or 0}
    if verb == Verb.NOTE:
        return noted_now(row.file.note)
    if verb == Verb.OWNER:
        return owned_now(row.owner)
    if verb == Verb.DELETE:
        return gettext("Its tokens are lost; connecting it again needs a new login.")
    return ""


def _listed(upstream: Upstream) -> dict[str, AuthFile]:
    entries = auth_file_client.list_auth_files(client_for(upstream))
    return {file.name: file for file in map(auth_file_of, entries)}


def _grant(act: BulkAct, user: User, file: AuthFile | None) -> None:
    if file is None:
        raise ChangeRefused(gettext("There is no such account upstream."))
    grant_file(act.upstream, user, file, wanted_owner(act))


def _change_of(act: BulkAct, item: BulkItem) -> Change:
    if act.verb == Verb.UPLOAD:
        return _upload_of(act, item)
    if act.verb == Verb.DELETE:
        return DeleteAccount(name=item.name)
    if act.verb in (Verb.ENABLE, Verb.DISABLE):
        return SwitchAccount(name=item.name, disabled=act.verb == Verb.DISABLE)
    value = wanted_value(Verb(act.verb), act.value)
    return SetAccountFields(name=item.name, fields={str(act.verb): value})  # type: ignore[dict-item]


def _upload_of(act: BulkAct, item: BulkItem) -> UploadAuthFile:
    file = checked_upload(item.name, decrypt(bytes(item.content_encrypted)))
    replaces = item.verdict == BulkItem.Verdict.REPLACES
    owned = Account.objects.filter(upstream=act.upstream, name=item.name)
    before = owned.first() if replaces else None
    return UploadAuthFile(
        name=file.name,
        content=file.content,
        provider=file.provider,
        label=file.email or file.name,
        # A replaced file stays with its owner.
        owner_id=before.owner_id if before else act.user_id,
        replaces=replaces,
    )
