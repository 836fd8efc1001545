"""JSON addresses under /api/usage/."""

from django.urls import path

from usage import api

app_name = "usage-api"
urlpatterns = [
    path("collect", api.collect, name="collect"),
    path("collection-status", api.collection_status, name="collection-status"),
    path("history", api.history, name="history"),
]
