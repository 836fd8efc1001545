"""Addresses under /providers/keys/. Those without a family are the former ones."""

from django.urls import path

from providers.keys import converters, views  # noqa: F401 (registers `family`)

urlpatterns = [
    path("", views.provider_keys, name="keys"),
    path("new/<family:family>/", views.new_key, name="new-key"),
    path("<family:family>/<slug:key_id>/", views.provider_key, name="key"),
    path("<family:family>/<slug:key_id>/switch/", views.switch, name="switch-key"),
    path("<family:family>/<slug:key_id>/remove/", views.remove, name="remove-key"),
    path("<family:family>/<slug:key_id>/try/", views.trial, name="try-key"),
    path("<slug:key_id>/", views.provider_key),
    path("<slug:key_id>/switch/", views.switch),
    path("<slug:key_id>/remove/", views.remove),
    path("<slug:key_id>/try/", views.trial),
]
