"""The usage app."""

from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

# Pages that the tabs of the Usage page lead to.
_REPORTS = ("usage:speed", "usage:matrix", "usage:compare")


class UsageConfig(AppConfig):
    """Collecting, storing and reading usage."""

    name = "usage"
    verbose_name = gettext_lazy("Usage")

    def ready(self) -> None:
        from management_proxy.upstreams import removal
        from monitoring import periodic
        from monitoring.alerts import default_rules, signals
        from monitoring.web.panels import Panel, register
        from providers.client_keys import consumption
        from usage.alerts import collection, storage, traffic
        from usage.alerts.default_rules import DEFAULTS
        from usage.budgets import evaluation as budgets
        from usage.budgets import signals as budget_signals
        from usage.collector import spool_health
        from usage.health import panels
        from usage.health import system_checks as checks  # noqa: F401
        from usage.history.snapshot import one_instant
        from usage.rollups.consumption import consumption_of
        from usage.statements import task as statements
        from usage.upkeep import tasks as upkeep

        post_migrate.connect(make_cache_table, sender=self)
        consumption.register(consumption_of)
        removal.register(spool_health.unstored)
        register(Panel("collection", panels.collection_context, "usage/collection.html"))
        register(Panel("completeness", panels.completeness_context, "usage/completeness.html"))
        register_navigation()
        for watched in (traffic, collection, storage, budget_signals):
            signals.register(*watched.SIGNALS)
        signals.measure_within(one_instant)
        default_rules.register(*DEFAULTS, *budget_signals.DEFAULTS)
        register_health()
        for task in (*upkeep.TASKS, statements.TASK, budgets.TASK):
            periodic.register(task)


def register_navigation() -> None:
    """The pages of usage in the sidebar."""
    from monitoring.web.navigation import Entry, register

    register(
        Entry("Insight", 0, _("Overview"), "overview", "overview", also=("home",)),
        Entry("Insight", 1, _("Usage"), "usage:page", "usage", also=_REPORTS),
        Entry("Insight", 2, _("Events"), "usage:events", "events"),
        Entry("Insight", 3, _("Failures"), "usage:failures", "failures"),
        Entry("Insight", 4, _("Saved views"), "usage:views", "views"),
        Entry("Insight", 5, "Budgets", "budgets:list", "budgets", namespaces=("budgets",)),
        Entry("Account", 8, _("Currencies"), "currencies:list", "currencies"),
        Entry(
            "Upstream",
            2,
            _("Connect a client"),
            "connect:page",
            "connect",
            namespaces=("connect",),
        ),
    )
    for heading, place, label, url_name, icon in (
        ("Insight", 6, _("Prices"), "prices:list", "prices"),
        ("Insight", 7, _("Statements"), "statements:list", "statements"),
        ("Upstream", 9, _("Logs"), "logs:page", "logs"),
        ("Operations", 4, _("Users"), "users:list", "users"),
    ):
        sections = (url_name.partition(":")[0],)
        register(Entry(heading, place, label, url_name, icon, staff_only=True, namespaces=sections))


def register_health() -> None:
    """What the doctor, the probes and Prometheus see of usage."""
    from monitoring import health
    from monitoring.api import probes
    from monitoring.metrics.registry import register_gauges
    from usage.budgets.health import check_budgets
    from usage.health import backlog, diagnosis, gauges, prices
    from usage.health import probes as collection_probes
    from usage.health.traffic_metrics import traffic_metrics
    from usage.history import replica

    probes.register("spool", collection_probes.spool_is_writable)
    probes.register_upstreams(collection_probes.upstreams_respond)
    health.register("upstream", diagnosis.check_upstreams)
    health.register("spool", backlog.check_spool)
    health.register("dead letters", backlog.check_dead_letters)
    health.register("replica", replica.check)
    health.register("prices", prices.check_prices)
    health.register("budgets", check_budgets)
    register_gauges("collector", gauges.collector_gauges)
    register_gauges("dead letters", gauges.dead_letter_gauges)
    register_gauges("completeness", gauges.completeness_gauges)
    register_gauges("backlog", gauges.backlog_gauges)
    register_gauges("traffic", traffic_metrics)


def make_cache_table(using: str, **kwargs: Any) -> None:
    """The table of a cache in the database, if CACHE_URL names one; nothing otherwise, nor if it
    exists."""
    call_command("createcachetable", database=using, verbosity=0)
