"""How an upstream is called: a client or a subscription with its key, while access is open."""

from django.conf import settings
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import KeyRejected
from management_proxy.client.http import ManagementClient
from management_proxy.client.subscription import Subscription
from management_proxy.models import Upstream
from management_proxy.upstreams.access import check_access, raise_if_blocked, record_block
from management_proxy.upstreams.key_verification import ensure_verified
from monitoring.encryption import UndecryptableError
from monitoring.texts.recorded import Recorded

_NO_KEY = Recorded(_("no management key is configured"))
_NOT_DECRYPTED = Recorded(
    _("the stored management key cannot be decrypted: no encryption key fits it")
)


def client_for(upstream: Upstream) -> ManagementClient:
    """A client with the upstream's key. Raises KeyRejected or Banned while the upstream is blocked,
    and KeyRejected without a key."""
    check_access(upstream)
    return client_of(upstream)


def client_of(upstream: Upstream) -> ManagementClient:
    """What `client_for` returns, for an upstream that was read just now. Raises what it raises."""
    raise_if_blocked(upstream)
    key = key_of(upstream)
    return ManagementClient(
        upstream.management_url,
        key,
        before_first=lambda: ensure_verified(upstream, key),
        on_blocked=lambda error: record_block(upstream, error),
    )


def subscription_to(upstream: Upstream) -> Subscription:
    """A subscription to the upstream's events. Raises KeyRejected or Banned while the upstream is
    blocked, NotReached or Refused."""
    check_access(upstream)
    key = key_of(upstream)
    ensure_verified(upstream, key)
    return Subscription(
        upstream.management_url, key, on_blocked=lambda error: record_block(upstream, error)
    )


def key_of(upstream: Upstream) -> str:
    """The upstream's management key. Raises KeyRejected without one: a request without it counts
    towards a ban."""
    try:
        key = settings.MANAGEMENT_API_KEY if upstream.from_environment else upstream.stored_key
    except UndecryptableError as error:
        raise KeyRejected(_NOT_DECRYPTED()) from error
    if not key:
        raise KeyRejected(_NO_KEY())
    return key
