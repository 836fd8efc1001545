"""The providers app."""

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    """Provider keys, accounts, custom providers, client keys and the configuration of the upstream."""

    name = "providers"

    def ready(self) -> None:
        # Each kind of change registers itself, so that intents can be read again.
        from management_proxy import removal, write_funnel
        from monitoring import health, periodic
        from monitoring.metrics import register_gauges
        from providers import (  # noqa: F401
            account_changes,
            checks,
            client_key_changes,
            configuration_changes,
            custom_changes,
            list_changes,
            provider_key_changes,
        )
        from providers.gauges import change_gauges, drift_gauges
        from providers.health import check_differences, check_unsettled
        from providers.proxied_writes import handle
        from providers.removal import forget, waiting_changes
        from providers.upkeep import TEND

        register_gauges("changes", change_gauges)
        register_gauges("drift", drift_gauges)
        health.register("drift", check_differences)
        health.register("changes", check_unsettled)
        periodic.register(TEND)
        write_funnel.register(handle)
        removal.register(waiting_changes, forget)
