"""The addresses of the Overview, which is the site's first page."""

from django.urls import path

from usage.overview import views

urlpatterns = [
    path("", views.page, name="home"),
    path("first-steps/skip/", views.skip_first_steps, name="skip-first-steps"),
]
