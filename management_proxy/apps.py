"""The management_proxy app."""

from django.apps import AppConfig


class ManagementProxyConfig(AppConfig):
    """Management proxy."""

    name = "management_proxy"
