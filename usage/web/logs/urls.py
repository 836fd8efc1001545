"""Addresses under /logs/."""

from django.urls import path

from usage.web.logs import views

app_name = "logs"
urlpatterns = [
    path("", views.page, name="page"),
    path("log/", views.log, name="log"),
    path("marks/", views.marks, name="marks"),
]
