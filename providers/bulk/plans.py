"""What an act will do, worked out for each account or key before anything is done."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import encrypt
from monitoring.texts.messages import in_english
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.accounts.uploads import Upload, checked_upload, twin_of
from providers.bulk.archives import Candidate
from providers.bulk.kinds import SUBJECTS
from providers.bulk.subjects import wanted_value
from providers.errors import ChangeRefused
from providers.models import Account, BulkAct, BulkItem

Verb, Verdict = BulkAct.Verb, BulkItem.Verdict
MOST_ITEMS = 5000


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
    with in_english():
        items = [judge.item_of(file) for file in files]
    return saved(act, items)


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
    upstream: Upstream,
    user: User,
    subject: str,
    things: Iterable[Any],
    verb: str,
    value: str = "",
) -> BulkAct:
    """An act that changes these things, which the user may see. Raises ChangeRefused naming the
    field."""
    if verb == Verb.OWNER and not user.is_staff:
        raise ChangeRefused(gettext("Only staff may give something another owner."), "verb")
    if verb not in dict(BulkAct.verbs_of(subject, is_staff=user.is_staff)):
        raise ChangeRefused(gettext("Choose what to do."), "verb")
    wanted, planned = wanted_value(Verb(verb), value), SUBJECTS[subject].planned
    act = BulkAct(upstream=upstream, user=user, subject=subject, verb=verb, value=value.strip())
    with in_english():
        items = [planned(thing, Verb(verb), wanted) for thing in things]
    if not items or len(items) > MOST_ITEMS:
        raise ChangeRefused(gettext("Choose some first."), "name")
    return saved(act, items)


def saved(act: BulkAct, items: list[BulkItem]) -> BulkAct:
    """The act, stored with what is planned."""
    with transaction.atomic():
        act.save()
        for item in items:
            item.act = act
        BulkItem.objects.bulk_create(items)
    return act
