"""Addresses under /providers/custom/."""

from django.urls import path

from providers import custom_views

app_name = "custom-providers"
urlpatterns = [
    path("", custom_views.providers, name="list"),
    path("provider/", custom_views.provider, name="provider"),
    path("switch/", custom_views.switch, name="switch"),
    path("move/", custom_views.move, name="move"),
    path("remove/", custom_views.remove, name="remove"),
    path("groups/save/", custom_views.save_group, name="save-group"),
    path("groups/remove/", custom_views.remove_group, name="remove-group"),
    path("groups/switch/", custom_views.switch_group, name="switch-group"),
]
