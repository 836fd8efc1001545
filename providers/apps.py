"""The providers app."""

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    """Provider keys, accounts, custom providers, client keys and the configuration of the upstream."""

    name = "providers"

    def ready(self) -> None:
        # Each kind of change registers itself, so that intents can be read again.
        from monitoring import health
        from providers import account_changes, checks, client_key_changes, configuration_changes, custom_changes, provider_key_changes  # noqa: F401
        from providers.health import check_differences, check_unsettled

        health.register("drift", check_differences)
        health.register("changes", check_unsettled)
