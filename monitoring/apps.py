"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Leases, health and what the other apps show of themselves."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import audit_signals, checks  # noqa: F401

        audit_signals.connect()
