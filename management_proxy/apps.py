"""The management_proxy app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _


class ManagementProxyConfig(AppConfig):
    """Management proxy."""

    name = "management_proxy"
    verbose_name = gettext_lazy("Management proxy")

    def ready(self) -> None:
        from management_proxy.traffic import alerts, metrics
        from management_proxy.traffic import recording as traffic
        from management_proxy.traffic.calls import on_finished
        from management_proxy.traffic.health import check_breakers, proxy_context
        from management_proxy.upstreams.observation import examine_all
        from monitoring import health
        from monitoring.alerts import default_rules, signals
        from monitoring.metrics.registry import register_gauges
        from monitoring.web import navigation
        from monitoring.web.panels import Panel, register

        signals.register(*alerts.SIGNALS)
        default_rules.register(*alerts.DEFAULTS)
        health.register_examination("upstreams", examine_all)
        health.register("breaker", check_breakers)
        register(Panel("proxy", proxy_context, "management_proxy/panel.html"))
        navigation.register(
            navigation.Entry("Account", 1, _("Personal tokens"), "proxy-pages:tokens", "token"),
            navigation.Entry(
                "Operations", 2, _("Proxy"), "proxy-pages:traffic", "proxy", staff_only=True
            ),
        )
        on_finished(metrics.count)
        on_finished(traffic.note)
        register_gauges("proxy", metrics.upstream_gauges)
