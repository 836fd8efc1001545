"""Addresses under /usage/."""

from django.urls import path

from usage.web import event_views, views

app_name = "usage"
urlpatterns = [
    path("", views.page, name="page"),
    path("events/", event_views.events, name="events"),
    path("events/<int:event_id>/", event_views.event, name="event"),
]
