"""The sign_in app."""

from django.apps import AppConfig


class SignInConfig(AppConfig):
    """Sessions, and the brake on guessing passwords."""

    name = "sign_in"

    def ready(self) -> None:
        from monitoring import periodic
        from sign_in.upkeep import FORGET

        periodic.register(FORGET)
