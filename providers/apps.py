"""The providers app."""

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    """Provider keys, accounts, custom providers, client keys and the configuration of the upstream."""

    name = "providers"

    def ready(self) -> None:
        from providers import checks  # noqa: F401
