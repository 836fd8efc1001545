"""Addresses under /providers/custom/."""

from django.urls import path

from providers.custom import views

app_name = "custom-providers"
urlpatterns = [
    path("", views.providers, name="list"),
    path("provider/", views.provider, name="provider"),
    path("switch/", views.switch, name="switch"),
    path("move/", views.move, name="move"),
    path("remove/", views.remove, name="remove"),
    path("groups/save/", views.save_group, name="save-group"),
    path("groups/remove/", views.remove_group, name="remove-group"),
    path("groups/switch/", views.switch_group, name="switch-group"),
]
