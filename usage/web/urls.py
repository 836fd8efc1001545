"""Addresses under /usage/."""

from django.urls import path

from usage.web import event_views, views, what_if_views
from usage.web.comparison import views as comparison_views
from usage.web.failures import views as failure_views
from usage.web.matrix import views as matrix_views
from usage.web.saved import views as saved_views
from usage.web.speed import views as speed_views

app_name = "usage"
urlpatterns = [
    path("", views.page, name="page"),
    path("speed/", speed_views.page, name="speed"),
    path("matrix/", matrix_views.page, name="matrix"),
    path("compare/", comparison_views.page, name="compare"),
    path("what-if/", what_if_views.page, name="what-if"),
    path("failures/", failure_views.page, name="failures"),
    path("failures/unknown/", failure_views.unknown_bodies, name="unknown-bodies"),
    path("events/", event_views.events, name="events"),
    path("events/<int:event_id>/", event_views.event, name="event"),
    path("views/", saved_views.views, name="views"),
    path("views/save/", saved_views.save, name="save-view"),
    path("views/start/", saved_views.start, name="start-with-overview"),
    path("views/<int:view_id>/", saved_views.open_view, name="view"),
    path("views/<int:view_id>/rename/", saved_views.rename, name="rename-view"),
    path("views/<int:view_id>/share/", saved_views.share, name="share-view"),
    path("views/<int:view_id>/delete/", saved_views.delete, name="delete-view"),
    path("views/<int:view_id>/start/", saved_views.start, name="start-with-view"),
]
