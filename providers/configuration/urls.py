"""Addresses under /providers/configuration/."""

from django.urls import path

from providers.configuration import views

app_name = "configuration"
urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("file/", views.editor, name="editor"),
    path("versions/", views.versions, name="versions"),
    path("versions/<int:version_id>/", views.compare, name="compare"),
    path("versions/<int:version_id>/roll-back/", views.roll_back, name="roll-back"),
]
