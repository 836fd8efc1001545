"""The monitoring app."""

from django.apps import AppConfig

# Other apps' entries stand between these.
OPERATIONS = (
    (1, "Monitoring", "monitoring:page", "monitoring"),
    (3, "Audit trail", "monitoring:audit", "trail"),
    (4, "Doctor", "monitoring:doctor", "doctor"),
    (5, "Administration", "admin:index", "admin"),
)


class MonitoringConfig(AppConfig):
    """Leases, health and what the other apps show of themselves."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import checks, health, periodic  # noqa: F401
        from monitoring.audit import signals as audit_signals
        from monitoring.audit import trail
        from monitoring.metrics import gauges, shared
        from monitoring.metrics.registry import register_gauges
        from monitoring.web import navigation

        audit_signals.connect()
        navigation.register(
            *(
                navigation.Entry("Operations", place, label, url_name, icon, staff_only=True)
                for place, label, url_name, icon in OPERATIONS
            )
        )
        health.register("audit trail", trail.check_pending)
        register_gauges("leases", gauges.lease_gauges)
        register_gauges("findings", gauges.finding_gauges)
        register_gauges("tasks", gauges.task_gauges)
        register_gauges("database", gauges.connection_gauges)
        register_gauges("shared", shared.shared_metrics)
        health.register("periodic tasks", periodic.check_tasks)
