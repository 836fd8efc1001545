"""Mistakes of pages; what they replace in the scripts that browsers get is in scripts.py."""

from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation

_VISIBLE = tuple(
    f"pages.{page}_per_minute" for page in ("monitoring", "usage", "overview", "providers", "proxy")
)


@mutation("hidden tabs continue to poll", "pages.hidden_per_minute", beside=())
def polling_while_hidden() -> None:
    """In scripts.py."""


@mutation("each tab of a browser polls by itself", "pages.ten_tabs_of_one", beside=())
def every_tab_polls() -> None:
    """In scripts.py."""


@mutation("a page requests what it has already", "pages.unchanged_bytes", beside=())
def always_whole() -> None:
    """In scripts.py."""


@mutation("pages poll every two seconds", *_VISIBLE, beside=())
def impatient_polling() -> None:
    """In scripts.py."""


@mutation(
    "pages do not mark their polls as such", "pages.uncounted_share", may=("pages.*",), beside=()
)
def unmarked_polling() -> None:
    """In scripts.py."""


@mutation(
    "the Monitoring page triggers a collection as it is shown",
    "pages.taken_off_the_queue",
    may=("pages.unchanged_bytes",),
    beside=(),
)
def page_that_collects() -> None:
    def context(request: Any) -> Any:
        collect = import_module("usage.collector.collect").collect
        upstreams = import_module("management_proxy.models").Upstream.objects.filter(
            is_enabled=True
        )
        for upstream in upstreams:
            collect(upstream, import_module("usage.models").CollectorRun.Trigger.HTTP)
        return shown(request)

    shown = replace("usage.health.panels", "collection_context", context)
