"""Carrying out an act that its user confirmed.

    planned --confirm--> confirmed --each item: an intent in the funnel--> finished

Invariants
* Nothing is sent before the confirmation, and an act is confirmed once.
* An item gets its intent in the transaction that stores the intent, with the act's row locked: so
  any number of threads and processes may carry out one act, and no item is sent twice. What a dead
  one left is carried on by the scheduled task.
* The rights of the user are checked again for each item when it is sent.
* Few items are in the funnel's queue at a time, so that others find room in it.

Outcomes are the intents' own; only a change of owner, which is not sent upstream, has its outcome
in its item.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import decrypt
from monitoring.failpoints import failpoint
from providers import log_kinds as kinds
from providers.accounts.actions import grant_file
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.accounts.changes import (
    DeleteAccount,
    SetAccountFields,
    SwitchAccount,
    UploadAuthFile,
)
from providers.accounts.uploads import checked_upload
from providers.bulk.plans import wanted_value
from providers.errors import ChangeRefused, QueueFull
from providers.funnel.changes import Change
from providers.funnel.writes import carry_out, submit
from providers.models import Account, BulkAct, BulkItem, Intent

logger = logging.getLogger(__name__)

TOGETHER = 100
LONGEST_KEPT = timedelta(days=14)
LONGEST_UNCONFIRMED = timedelta(hours=24)
_REST_SECONDS = 1.0
Verb, Outcome = BulkAct.Verb, BulkItem.Outcome


def confirm(act: BulkAct) -> bool:
    """Have it carried out, in a thread of this process; False if it was confirmed before."""
    confirmed = BulkAct.objects.filter(pk=act.pk, confirmed_at=None).update(
        confirmed_at=timezone.now()
    )
    return bool(confirmed)


def start(act: BulkAct) -> None:
    """Carry it out beside this request."""
    name = f"bulk act {act.pk}"
    threading.Thread(target=_in_thread, args=(act.pk,), name=name, daemon=True).start()


def _in_thread(act_id: int) -> None:
    try:
        carry_on(BulkAct.objects.select_related("upstream", "user").get(pk=act_id))
    except Exception:  # the scheduled task carries it on
        kinds.ACT_INTERRUPTED.log_exception(logger, logging.ERROR, act=act_id)
    finally:
        connection.close()


def carry_on(act: BulkAct, seconds: float = 600) -> bool:
    """Send what is not sent yet, chunk by chunk; whether nothing is left to send."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            sent = _grant_some(act) if act.verb == Verb.OWNER else _submit_some(act)
        except (QueueFull, UpstreamError):
            time.sleep(_REST_SECONDS)
            continue
        failpoint("bulk chunk submitted")
        for intent in sent:
            carry_out(intent)
        if not _open(act).exists():
            BulkAct.objects.filter(pk=act.pk, finished_at=None).update(finished_at=timezone.now())
            return True
    return False


def resume(upstream: Upstream) -> None:
    """Carry on what was confirmed and not finished, and forget what is old."""
    acts = BulkAct.objects.filter(upstream=upstream)
    for act in acts.filter(confirmed_at__isnull=False, finished_at=None).select_related("user"):
        carry_on(act, seconds=30)
    acts.filter(made_at__lt=timezone.now() - LONGEST_KEPT).delete()
    acts.filter(confirmed_at=None, made_at__lt=timezone.now() - LONGEST_UNCONFIRMED).delete()


def _submit_some(act: BulkAct) -> list[Intent]:
    """Store intents of the next items that may be sent. Raises QueueFull."""
    with transaction.atomic():
        items = _next_items(act)
        may = _may_change(act, items)
        return [intent for item in items if (intent := _submitted(act, item, may))]


def _open(act: BulkAct) -> QuerySet[BulkItem]:
    """What was neither sent nor failed."""
    return act.items.filter(verdict__in=BulkItem.TO_DO, intent=None, outcome=Outcome.OPEN)


def _next_items(act: BulkAct) -> list[BulkItem]:
    """Items that no other takes until the transaction ends."""
    BulkAct.objects.select_for_update().get(pk=act.pk)
    return list(_open(act).order_by("pk")[:TOGETHER])


def _submitted(act: BulkAct, item: BulkItem, may: Callable[[str], bool]) -> Intent | None:
    """The intent of an item; without one it has failed for the reason it keeps."""
    try:
        if item.verdict != BulkItem.Verdict.NEW and not may(item.name):
            raise ChangeRefused("It is not yours any more.")
        item.intent = submit(act.upstream, _change_of(act, item), act.user, f"bulk act #{act.pk}")
    except QueueFull:
        raise
    except ChangeRefused as refused:
        item.outcome, item.reason = Outcome.FAILED, refused.message[:500]
    item.content_encrypted = b""
    item.save(update_fields=["intent", "outcome", "reason", "content_encrypted"])
    return item.intent


def _may_change(act: BulkAct, items: Iterable[BulkItem]) -> Callable[[str], bool]:
    user = User.objects.get(pk=act.user_id)
    if not user.is_active:
        return lambda name: False
    if user.is_staff:
        return lambda name: True
    names = [item.name for item in items]
    owned = Account.objects.filter(upstream=act.upstream, owner=user, name__in=names)
    return set(owned.values_list("name", flat=True)).__contains__


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
    before = Account.objects.filter(upstream=act.upstream, name=item.name).first()
    return UploadAuthFile(
        name=file.name,
        content=file.content,
        provider=file.provider,
        label=file.email or file.name,
        # A replaced file stays with its owner.
        owner_id=before.owner_id if replaces and before else act.user_id,
        replaces=replaces,
    )


def _grant_some(act: BulkAct) -> list[Intent]:
    """Give all of them their new owner, which changes nothing upstream. Raises UpstreamError."""
    entries = auth_file_client.list_auth_files(client_for(act.upstream))
    files = {file.name: file for file in map(auth_file_of, entries)}
    while _grant_chunk(act, files):
        pass
    return []


def _grant_chunk(act: BulkAct, files: dict[str, AuthFile]) -> int:
    with transaction.atomic():
        items = _next_items(act)
        user = User.objects.get(pk=act.user_id)
        for item in items:
            item.outcome = Outcome.FAILED
            if user.is_staff and user.is_active and (file := files.get(item.name)):
                owner = wanted_value(Verb.OWNER, act.value)
                grant_file(act.upstream, user, file, owner if isinstance(owner, User) else None)
                item.outcome = Outcome.DONE
            item.save(update_fields=["outcome"])
    return len(items)
