"""The sign_in app."""

from django.apps import AppConfig


class SignInConfig(AppConfig):
    """Sessions, and the throttle on guessing passwords."""

    name = "config.sign_in"
    label = "sign_in"

    def ready(self) -> None:
        from config.sign_in.upkeep import FORGET
        from monitoring import periodic

        periodic.register(FORGET)
