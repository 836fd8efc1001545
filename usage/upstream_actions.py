"""What staff mend upstream from a finding: the statistics switch, and letting callers in again. Each act is audited."""

from django.contrib.auth.models import User

from management_proxy.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.observation import examine
from management_proxy.upstreams import allow_access, client_for
from management_proxy.usage_client import set_statistics
from monitoring import audit


def switch_statistics_on(upstream: Upstream, actor: User) -> str:
    """Turn the upstream's usage statistics on and learn its settings again; what went wrong, or nothing."""
    entry = audit.begin(actor, "upstream.statistics_switched_on", upstream.name, upstream=upstream.name)
    try:
        set_statistics(client_for(upstream), True)
    except UpstreamError as error:
        audit.finish(entry, audit.Outcome.FAILED, {"error": str(error)})
        return str(error)
    audit.finish(entry, audit.Outcome.SUCCEEDED)
    examine(upstream)
    return ""


def let_callers_in(upstream: Upstream, actor: User) -> str:
    """Open the access again and ask the upstream once whether the key is right now; what went wrong, or nothing."""
    allow_access(upstream)
    audit.record(actor, "upstream.callers_let_in", upstream.name, upstream=upstream.name, outcome=audit.Outcome.SUCCEEDED)
    upstream.refresh_from_db()
    if examine(upstream):
        return ""
    upstream.refresh_from_db()
    return upstream.access_detail or upstream.examination_error
