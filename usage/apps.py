"""The usage app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Collecting, storing and reading usage."""

    name = "usage"

    def ready(self) -> None:
        from monitoring import health
        from monitoring.metrics import register_gauges
        from monitoring.panels import Panel, register
        from usage import checks, diagnosis, gauges, panels  # noqa: F401

        register(Panel("collection", panels.collection_context, "monitoring/collection.html"))
        health.register("upstream", diagnosis.check_upstreams)
        health.register("spool", diagnosis.check_spool)
        health.register("dead letters", diagnosis.check_dead_letters)
        register_gauges("collector", gauges.collector_gauges)
        register_gauges("dead letters", gauges.dead_letter_gauges)
