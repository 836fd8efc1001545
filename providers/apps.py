"""The providers app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _


class ProvidersConfig(AppConfig):
    """Provider keys, accounts, custom providers, client keys and the configuration of the
    upstream."""

    name = "providers"
    verbose_name = gettext_lazy("Providers")

    def ready(self) -> None:
        # Each kind of change registers itself, so that intents can be read again.
        from management_proxy.proxy import write_funnel
        from management_proxy.upstreams import removal
        from monitoring import health, periodic
        from monitoring.alerts import default_rules, signals
        from monitoring.metrics.registry import register_gauges
        from monitoring.web import navigation
        from providers import alerts, checks  # noqa: F401
        from providers.accounts import changes as account_changes  # noqa: F401
        from providers.client_keys import changes as client_key_changes  # noqa: F401
        from providers.client_keys import withholding_changes  # noqa: F401
        from providers.configuration import changes as configuration_changes  # noqa: F401
        from providers.custom import changes as custom_changes  # noqa: F401
        from providers.gauges import account_gauges, change_gauges, drift_gauges
        from providers.health import check_differences, check_unsettled, check_withheld
        from providers.keys import changes as provider_key_changes  # noqa: F401
        from providers.proxied_writes import changes as proxied_changes  # noqa: F401
        from providers.proxied_writes.actions import handle
        from providers.removal import forget, waiting_changes
        from providers.upkeep import ACCOUNTS, TEND

        sections = ("accounts", "bulk", "custom-providers", "configuration", "providers")
        navigation.register(
            navigation.Entry(
                "Upstream", 1, _("Providers"), "accounts:list", "providers", namespaces=sections
            )
        )
        register_gauges("changes", change_gauges)
        register_gauges("drift", drift_gauges)
        register_gauges("accounts", account_gauges)
        health.register("drift", check_differences)
        health.register("changes", check_unsettled)
        health.register("withheld keys", check_withheld)
        signals.register(*alerts.SIGNALS)
        default_rules.register(*alerts.DEFAULTS)
        periodic.register(TEND)
        periodic.register(ACCOUNTS)
        write_funnel.register(handle)
        removal.register(waiting_changes, forget)
