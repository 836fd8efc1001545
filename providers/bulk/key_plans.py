"""What adding many provider keys will do, worked out for each line before anything is sent."""

from collections.abc import Iterable

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.encryption import encrypt
from monitoring.masking import last4
from monitoring.texts.messages import in_english
from providers.bulk.plans import saved
from providers.digests import provider_key_digest
from providers.errors import ChangeRefused
from providers.keys.entries import Entry, identity_of
from providers.keys.entry_rules import check_whole, checked_fields
from providers.keys.families import Family
from providers.keys.queries import listed_keys
from providers.models import BulkAct, BulkItem

Verdict = BulkItem.Verdict
MOST_KEYS = 1000


def plan_keys(
    upstream: Upstream, user: User, family: Family, keys: Iterable[str], base_url: str = ""
) -> BulkAct:
    """An act that adds these keys for its user; blank ones are left out. Raises ChangeRefused,
    UpstreamError."""
    lines = [key.strip() for key in keys if key.strip()]
    if not 0 < len(lines) <= MOST_KEYS:
        message = gettext("Enter 1 to %(most)s keys, one a line.")
        raise ChangeRefused(message % {"most": MOST_KEYS}, "keys")
    present = {key.act_name for key in listed_keys(upstream, client_for(upstream), [family])}
    seen = set[str]()
    with in_english():
        items = [_item(family, line, base_url, present, seen) for line in lines]
    act = BulkAct(
        upstream=upstream,
        user=user,
        subject=BulkAct.Subject.PROVIDER_KEY,
        verb=BulkAct.Verb.ADD,
        value=family.name,
    )
    return saved(act, items)


def _item(family: Family, key: str, base_url: str, present: set[str], seen: set[str]) -> BulkItem:
    """What becomes of one line; `seen` are the names of those before it, and takes its own."""
    item = BulkItem(name=last4(key), label=f"{family.label} {last4(key)}")
    try:
        entry = _entry(family, key, base_url)
    except ChangeRefused as refused:
        item.verdict, item.reason = Verdict.REFUSED, refused.message[:500]
        return item
    digest = provider_key_digest(family.route, identity_of(family, entry))
    item.name = f"{family.name}:{digest.hex()}"
    if item.name in present:
        item.verdict, item.reason = Verdict.DUPLICATE, gettext("The upstream lists it already.")
    elif item.name in seen:
        item.verdict, item.reason = Verdict.DUPLICATE, gettext("It is in the list above already.")
    else:
        item.verdict = Verdict.NEW
        item.content_encrypted = encrypt(msgspec.json.encode(entry))
        seen.add(item.name)
    return item


def _entry(family: Family, key: str, base_url: str) -> Entry:
    """The entry of a line as the upstream will keep it. Raises ChangeRefused."""
    entry = checked_fields(family, {"api-key": key, **({"base-url": base_url} if base_url else {})})
    check_whole(family, entry)
    return entry
