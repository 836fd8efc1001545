"""The monitoring app."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

# Other apps' entries stand between these.
OPERATIONS = (
    (1, _("Monitoring"), "monitoring:page", "monitoring"),
    (2, _("Alerts"), "monitoring:alerts", "bell"),
    (3, _("Audit trail"), "monitoring:audit", "trail"),
    (4, _("Doctor"), "monitoring:doctor", "doctor"),
    (5, _("Administration"), "admin:index", "admin"),
)


class MonitoringConfig(AppConfig):
    """Leases, health and what the other apps show of themselves."""

    name = "monitoring"
    verbose_name = gettext_lazy("Monitoring")

    def ready(self) -> None:
        from monitoring import checks, health, periodic  # noqa: F401
        from monitoring.alerts import default_rules, own_signals, queries, retention, signals
        from monitoring.audit import signals as audit_signals
        from monitoring.audit import trail
        from monitoring.metrics import gauges, shared
        from monitoring.metrics.registry import register_gauges
        from monitoring.texts.model_names import translate_models
        from monitoring.web import navigation
        from monitoring.web.panels import Panel
        from monitoring.web.panels import register as register_panel

        if settings.TRACING:
            from monitoring.tracing.export import start

            start()
        audit_signals.connect()
        translate_models()
        navigation.register(
            *(
                navigation.Entry("Operations", place, label, url_name, icon, staff_only=True)
                for place, label, url_name, icon in OPERATIONS
            )
        )
        signals.register(*own_signals.SIGNALS)
        default_rules.register(*own_signals.DEFAULTS)
        post_migrate.connect(default_rules.store_missing, sender=self)
        register_panel(Panel("alerts", queries.panel_context, "monitoring/alerts/panel.html"))
        health.register("alerts", queries.check_alerts)
        periodic.register(retention.PRUNE)
        health.register("audit trail", trail.check_pending)
        register_gauges("alerts", queries.alert_gauges)
        register_gauges("leases", gauges.lease_gauges)
        register_gauges("findings", gauges.finding_gauges)
        register_gauges("tasks", gauges.task_gauges)
        register_gauges("database", gauges.connection_gauges)
        register_gauges("shared", shared.shared_metrics)
        health.register("periodic tasks", periodic.check_tasks)
