"""JSON addresses under /api/usage/."""

from django.urls import path

from usage import api, events_api, history_api

app_name = "usage-api"
urlpatterns = [
    path("collect", api.collect, name="collect"),
    path("collection-status", api.collection_status, name="collection-status"),
    path("history", history_api.history, name="history"),
    path("summary", history_api.summary, name="summary"),
    path("series", history_api.series, name="series"),
    path("breakdown", history_api.breakdown, name="breakdown"),
    path("events", events_api.events, name="events"),
    path("events/<int:event_id>", events_api.event, name="event"),
    path("export", events_api.export, name="export"),
]
