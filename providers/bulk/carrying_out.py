"""Carrying out an act that its user confirmed.

    planned --confirm--> confirmed --each item: an intent in the funnel--> finished

Invariants
* Nothing is sent before the confirmation, and an act is confirmed once.
* An item gets its intent in the transaction that stores the intent, with the act's row locked: so
  any number of threads and processes may carry out one act, and no item is sent twice. What a dead
  one left is carried on by the scheduled task.
* The rights of the user are checked again for each item when it is sent.
* Few items are in the funnel's queue at a time, so that others find room in it.

Outcomes are the intents' own; only what is not sent upstream, such as a change of owner, has its
outcome in its item.
"""

import logging
import threading
import time
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.failpoints import failpoint
from monitoring.planned_statements import update_each
from monitoring.texts.messages import in_english
from providers import log_kinds as kinds
from providers.bulk.kinds import SUBJECTS
from providers.bulk.subjects import BULK_ACT, Send
from providers.errors import ChangeRefused, QueueFull
from providers.funnel.changes import Change
from providers.funnel.writes import carry_out, submit_all
from providers.models import BulkAct, BulkItem, Intent

logger = logging.getLogger(__name__)

TOGETHER = 200
LONGEST_KEPT = timedelta(days=14)
LONGEST_UNCONFIRMED = timedelta(hours=24)
_REST_SECONDS = 1.0
Outcome = BulkItem.Outcome


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
    send: Send | None = None
    together = TOGETHER
    while time.monotonic() < deadline:
        try:
            send = send or SUBJECTS[act.subject].sender(act)
            sent = _send_some(act, send, together)
        except (QueueFull, UpstreamError):
            together = max(together // 2, 1)  # of a queue that is nearly full
            time.sleep(_REST_SECONDS)
            continue
        together = TOGETHER
        failpoint("bulk chunk submitted")
        _carry_out(sent)
        if not _open(act).exists():
            BulkAct.objects.filter(pk=act.pk, finished_at=None).update(finished_at=timezone.now())
            return True
    return False


def _carry_out(intents: list[Intent]) -> None:
    """See all of them through; most are, with the first."""
    for intent in intents[:1]:
        carry_out(intent)
    waiting = Intent.objects.filter(pk__in=[one.pk for one in intents], settled_at=None)
    for intent in waiting.order_by("pk"):
        carry_out(intent)


def resume(upstream: Upstream) -> None:
    """Carry on what was confirmed and not finished, and forget what is old."""
    acts = BulkAct.objects.filter(upstream=upstream)
    for act in acts.filter(confirmed_at__isnull=False, finished_at=None).select_related("user"):
        carry_on(act, seconds=30)
    acts.filter(made_at__lt=timezone.now() - LONGEST_KEPT).delete()
    acts.filter(confirmed_at=None, made_at__lt=timezone.now() - LONGEST_UNCONFIRMED).delete()


def _send_some(act: BulkAct, send: Send, together: int) -> list[Intent]:
    """Store intents of the next items that may be sent, and do what needs none. Raises
    QueueFull."""
    with transaction.atomic():
        items, changes = _next_items(act, together), list[tuple[BulkItem, Change]]()
        user = User.objects.get(pk=act.user_id)
        for item in items:
            if change := _to_send(item, send, user):
                changes.append((item, change))
        reason = BULK_ACT(number=act.pk)
        intents = submit_all(act.upstream, [change for _, change in changes], user, reason)
        for (item, _), intent in zip(changes, intents, strict=True):
            item.intent = intent
        for item in items:
            item.content_encrypted = b""
        update_each(items, "intent", "outcome", "reason", "content_encrypted")
        return [item.intent for item in items if item.intent]


def _open(act: BulkAct) -> QuerySet[BulkItem]:
    """What was neither sent nor failed."""
    return act.items.filter(verdict__in=BulkItem.TO_DO, intent=None, outcome=Outcome.OPEN)


def _next_items(act: BulkAct, together: int) -> list[BulkItem]:
    """Items that no other takes until the transaction ends."""
    BulkAct.objects.select_for_update().get(pk=act.pk)
    return list(_open(act).order_by("pk")[:together])


def _to_send(item: BulkItem, send: Send, user: User) -> Change | None:
    """The change of an item; without one it was requested already, is done, or has failed for the
    reason it keeps."""
    try:
        with in_english():
            sent = send(item, user)
    except QueueFull:
        raise
    except ChangeRefused as refused:
        item.outcome, item.reason = Outcome.FAILED, refused.message[:500]
        return None
    if isinstance(sent, Change):
        return sent
    item.intent, item.outcome = sent, item.outcome if sent else Outcome.DONE
    return None
