"""The management_proxy app."""

from django.apps import AppConfig


class ManagementProxyConfig(AppConfig):
    """Management proxy."""

    name = "management_proxy"

    def ready(self) -> None:
        from management_proxy.observation import examine_all
        from monitoring import health

        health.register_examination("upstreams", examine_all)
