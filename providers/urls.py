"""Addresses under /providers/ of keys, client keys, changes and drift."""

from django.urls import include, path

app_name = "providers"
urlpatterns = [
    path("keys/", include("providers.keys.urls")),
    path("client-keys/", include("providers.client_keys.urls")),
    path("changes/", include("providers.change_log.urls")),
    path("drift/", include("providers.drift.urls")),
]
