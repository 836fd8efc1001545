"""What prevents removing an upstream here, and what goes with it: its secrets, not its
names."""

from django.utils import timezone
from django.utils.translation import ngettext

from management_proxy.models import Upstream
from providers.funnel.writes import hold_places
from providers.models import ClientKey, DriftCheck, Intent, ProviderKey, WithheldKey
from providers.models.configuration import ConfigurationVersion


def waiting_changes(upstream: Upstream) -> str:
    """The changes whose outcome is open; none joins them until the transaction ends."""
    hold_places(upstream)
    waiting = Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED).count()
    if not waiting:
        return ""
    return ngettext(
        "%(count)s change is not settled yet: wait until Changes shows none of it as open.",
        "%(count)s changes are not settled yet: wait until Changes shows none of it as open.",
        waiting,
    ) % {"count": waiting}


def forget(upstream: Upstream) -> None:
    """Drop kept configurations, entries, changes and withheld keys, which hold the upstream's keys,
    and how it last differed."""
    ConfigurationVersion.objects.filter(upstream=upstream).delete()
    ProviderKey.objects.filter(upstream=upstream).update(entry_encrypted=b"")
    Intent.objects.filter(upstream=upstream).update(change_encrypted=b"")
    DriftCheck.objects.filter(upstream=upstream).delete()
    WithheldKey.objects.filter(client_key__upstream=upstream).delete()
    ClientKey.objects.filter(upstream=upstream, state=ClientKey.State.WITHHELD).update(
        state=ClientKey.State.REVOKED, revoked_at=timezone.now()
    )
