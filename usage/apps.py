"""The usage app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Collecting, storing and reading usage."""

    name = "usage"

    def ready(self) -> None:
        from monitoring.panels import Panel, register
        from usage import checks, panels  # noqa: F401

        register(Panel("collection", panels.collection_context, "monitoring/collection.html"))
