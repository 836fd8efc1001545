"""Addresses under /providers/configuration/."""

from django.urls import path

from providers import configuration_views

app_name = "configuration"
urlpatterns = [
    path("", configuration_views.settings_page, name="settings"),
    path("file/", configuration_views.editor, name="editor"),
    path("versions/", configuration_views.versions, name="versions"),
    path("versions/<int:version_id>/", configuration_views.compare, name="compare"),
    path("versions/<int:version_id>/roll-back/", configuration_views.roll_back, name="roll-back"),
]
