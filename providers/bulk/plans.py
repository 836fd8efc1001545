"""What an act will do, worked out for each account before anything is done."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import encrypt
from providers.accounts.actions import checked_field
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.accounts.queries import AccountRow
from providers.accounts.uploads import Upload, checked_upload, twin_of
from providers.bulk.archives import Candidate
from providers.errors import ChangeRefused
from providers.models import Account, BulkAct, BulkItem

Verb, Verdict = BulkAct.Verb, BulkItem.Verdict
MOST_ACCOUNTS = 5000


def plan_upload(
    upstream: Upstream,
    user: User,
    files: Iterable[Candidate],
    *,
    replaces: bool = False,
    twins_accepted: bool = False,
) -> BulkAct:
    """An act that uploads what may be uploaded of these files. Raises UpstreamError."""
    judge = _Judge(upstream, user, replaces=replaces, twins_accepted=twins_accepted)
    act = BulkAct(upstream=upstream, user=user, verb=Verb.UPLOAD)
    return _saved(act, [judge.item_of(file) for file in files])


class _Judge:
    """Decides about one file after the other, knowing those before it."""

    def __init__(
        self, upstream: Upstream, user: User, *, replaces: bool, twins_accepted: bool
    ) -> None:
        self.replaces, self.twins_accepted = replaces, twins_accepted
        self.present: dict[str, AuthFile] = {}
        self.by_email: dict[str, list[AuthFile]] = {}
        for entry in auth_file_client.list_auth_files(client_for(upstream)):
            file = auth_file_of(entry)
            self.present[file.name.lower()] = file
            self.by_email.setdefault(file.email.lower(), []).append(file)
        owned = Account.objects.filter(upstream=upstream, owner=user)
        self.changeable = None if user.is_staff else set(owned.values_list("name", flat=True))
        self.seen: set[str] = set()
        self.seen_accounts: dict[tuple[str, str, str], str] = {}

    def item_of(self, candidate: Candidate) -> BulkItem:
        name = candidate.name[:300]
        try:
            if candidate.content is None:
                raise ChangeRefused(candidate.reason)
            upload = checked_upload(candidate.name, candidate.content)
            verdict, reason = self._verdict(upload)
        except ChangeRefused as refused:
            return BulkItem(name=name, verdict=Verdict.REFUSED, reason=refused.message[:500])
        item = BulkItem(name=name, verdict=verdict, reason=reason[:500])
        if verdict in BulkItem.TO_DO:
            item.content_encrypted = encrypt(upload.content)
            self.seen_accounts.setdefault(_account_of(upload), upload.name)
        return item

    def _verdict(self, upload: Upload) -> tuple[BulkItem.Verdict, str]:
        key = upload.name.lower()
        if key in self.seen:
            return Verdict.DUPLICATE, gettext("A file of this name is in the upload already.")
        self.seen.add(key)
        if there := self.present.get(key):
            return self._over(there)
        if not self.twins_accepted and (reason := self._twin(upload)):
            return Verdict.DUPLICATE, reason
        return Verdict.NEW, upload.email

    def _over(self, there: AuthFile) -> tuple[BulkItem.Verdict, str]:
        if not self.replaces:
            return Verdict.DUPLICATE, gettext("A file of that name exists upstream.")
        if self.changeable is not None and there.name not in self.changeable:
            return Verdict.REFUSED, gettext(
                "A file of that name exists upstream, and its account is not yours."
            )
        return Verdict.REPLACES, gettext("The present tokens of %(account)s are lost.") % {
            "account": there.label
        }

    def _twin(self, upload: Upload) -> str:
        if upload.email and (other := self.seen_accounts.get(_account_of(upload))):
            return gettext("The same account as %(file)s of this upload.") % {"file": other}
        if twin_of(upload, self.by_email.get(upload.email.lower(), ())):
            return gettext("The account %(email)s is connected already.") % {"email": upload.email}
        return ""


def _account_of(upload: Upload) -> tuple[str, str, str]:
    return upload.provider, upload.email.lower(), upload.account


def plan_change(
    upstream: Upstream, user: User, rows: Iterable[AccountRow], verb: str, value: str = ""
) -> BulkAct:
    """An act that changes these accounts, which the user may see. Raises ChangeRefused naming the
    field."""
    if verb not in Verb.values or verb == Verb.UPLOAD:
        raise ChangeRefused(gettext("Choose what to do."), "verb")
    if verb == Verb.OWNER and not user.is_staff:
        raise ChangeRefused(gettext("Only staff may grant an account."), "verb")
    wanted = wanted_value(Verb(verb), value)
    act = BulkAct(upstream=upstream, user=user, verb=verb, value=value.strip())
    items = [_item_of(row, Verb(verb), wanted) for row in rows]
    if not items or len(items) > MOST_ACCOUNTS:
        raise ChangeRefused(gettext("Choose some accounts first."), "name")
    return _saved(act, items)


def wanted_value(verb: BulkAct.Verb, value: str) -> object:
    """What the accounts shall have: a number, a text, a user, or None. Raises ChangeRefused."""
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


def _item_of(row: AccountRow, verb: BulkAct.Verb, wanted: object) -> BulkItem:
    now: object = {
        Verb.ENABLE: not row.file.is_disabled,
        Verb.DISABLE: row.file.is_disabled,
        Verb.PRIORITY: (row.file.priority or 0) == (wanted or 0),
        Verb.NOTE: row.file.note == (wanted or ""),
        Verb.OWNER: row.owner == wanted,
        Verb.DELETE: False,
    }[verb]
    verdict = Verdict.UNCHANGED if now else Verdict.CHANGES
    return BulkItem(name=row.file.name, verdict=verdict, reason=_present(row, verb))


def _present(row: AccountRow, verb: BulkAct.Verb) -> str:
    """What an account has now of what will be changed."""
    if verb == Verb.PRIORITY:
        return gettext("now %(value)s") % {"value": row.file.priority or 0}
    if verb == Verb.NOTE and row.file.note:
        return gettext("now “%(value)s”") % {"value": row.file.note[:200]}
    if verb == Verb.OWNER and row.owner:
        return gettext("now of %(owner)s") % {"owner": row.owner.get_username()}
    if verb == Verb.DELETE:
        return gettext("Its tokens are lost; connecting it again needs a new login.")
    return ""


def _saved(act: BulkAct, items: list[BulkItem]) -> BulkAct:
    with transaction.atomic():
        act.save()
        for item in items:
            item.act = act
        BulkItem.objects.bulk_create(items)
    return act
