"""Addresses under /providers/accounts/."""

from django.urls import path

from providers.accounts import views
from providers.accounts.logins import views as login_views

app_name = "accounts"
urlpatterns = [
    path("", views.accounts, name="list"),
    path("account/", views.account, name="account"),
    path("switch/", views.switch, name="switch"),
    path("delete/", views.delete, name="delete"),
    path("reset/", views.reset, name="reset"),
    path("upload/", views.upload, name="upload"),
    path("download/", views.download, name="download"),
    path("grant/", views.grant, name="grant"),
    path("connect/", login_views.begin, name="begin"),
    path("connect/<int:login_id>/", login_views.show, name="login"),
    path("connect/<int:login_id>/deliver/", login_views.deliver, name="deliver"),
    path("connect/<int:login_id>/cancel/", login_views.cancel, name="cancel"),
]
