"""What stops every caller of an upstream in every process: a refused key until an operator acts, a
ban until its end."""

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import Banned, Blocked, KeyRejected
from management_proxy.models import Access, Upstream
from monitoring.texts.recorded import Recorded

_REMOVED = Recorded(_("the upstream was removed"))
_STOPPED = Recorded(_("stopped until an operator restores access: %(reason)s"))


def check_access(upstream: Upstream) -> None:
    """Raise what stops every caller: KeyRejected until an operator acts or once it was removed,
    Banned until its end."""
    upstream.refresh_from_db(
        fields=["access", "access_detail", "blocked_until", "removed_at", "key_verified_digest"]
    )
    raise_if_blocked(upstream)


def raise_if_blocked(upstream: Upstream) -> None:
    """What `check_access` does, for an upstream that was read just now."""
    if upstream.removed_at:
        raise KeyRejected(_REMOVED())
    if upstream.access == Access.KEY_REJECTED:
        raise KeyRejected(_STOPPED(reason=upstream.access_detail))
    if upstream.access == Access.BANNED and upstream.blocked_until:
        # A ban whose end has passed is believed over.
        if upstream.blocked_until > timezone.now():
            raise Banned(upstream.access_detail, upstream.blocked_until)
        allow_access(upstream)


def record_block(upstream: Upstream, error: Blocked) -> None:
    """Stop every caller of the upstream in every process. A refused key is no longer one that was
    accepted."""
    detail = str(error)[:300]
    row = Upstream.objects.filter(pk=upstream.pk)
    if isinstance(error, Banned):
        row.update(access=Access.BANNED, access_detail=detail, blocked_until=error.until)
    else:
        row.update(
            access=Access.KEY_REJECTED,
            access_detail=detail,
            blocked_until=None,
            key_verified_digest=b"",
        )


def allow_access(upstream: Upstream) -> None:
    """Restore access: after an operator fixed the key, or when a ban has passed."""
    Upstream.objects.filter(pk=upstream.pk).update(
        access=Access.OPEN, access_detail="", blocked_until=None
    )
