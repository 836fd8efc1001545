"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Leases, health and what the other apps show of themselves."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import checks, health, periodic  # noqa: F401
        from monitoring.audit import signals as audit_signals
        from monitoring.audit import trail as audit
        from monitoring.metrics import gauges
        from monitoring.metrics.registry import register_gauges

        audit_signals.connect()
        health.register("audit trail", audit.check_pending)
        register_gauges("leases", gauges.lease_gauges)
        register_gauges("findings", gauges.finding_gauges)
        health.register("periodic tasks", periodic.check_tasks)
