"""The management_proxy app."""

from django.apps import AppConfig


class ManagementProxyConfig(AppConfig):
    """Management proxy."""

    name = "management_proxy"

    def ready(self) -> None:
        from management_proxy import metrics, traffic
        from management_proxy.calls import on_finished
        from management_proxy.observation import examine_all
        from monitoring import health
        from monitoring.metrics import register_gauges

        health.register_examination("upstreams", examine_all)
        on_finished(metrics.count)
        on_finished(traffic.note)
        register_gauges("proxy", metrics.upstream_gauges)
