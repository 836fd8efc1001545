"""Addresses under /providers/acts/."""

from django.urls import path

from providers.bulk import views

app_name = "bulk"
urlpatterns = [
    path("upload/", views.upload, name="upload"),
    path("keys/", views.add_keys, name="add-keys"),
    path("choose/", views.choose, name="choose"),
    path("<int:act_id>/", views.act, name="act"),
    path("<int:act_id>/confirm/", views.confirm, name="confirm"),
    path("<int:act_id>/discard/", views.discard, name="discard"),
]
