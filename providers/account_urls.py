"""Addresses under /providers/accounts/."""

from django.urls import path

from providers import account_views, login_views

app_name = "accounts"
urlpatterns = [
    path("", account_views.accounts, name="list"),
    path("account/", account_views.account, name="account"),
    path("switch/", account_views.switch, name="switch"),
    path("delete/", account_views.delete, name="delete"),
    path("reset/", account_views.reset, name="reset"),
    path("upload/", account_views.upload, name="upload"),
    path("download/", account_views.download, name="download"),
    path("grant/", account_views.grant, name="grant"),
    path("connect/", login_views.begin, name="begin"),
    path("connect/<int:login_id>/", login_views.show, name="login"),
    path("connect/<int:login_id>/deliver/", login_views.deliver, name="deliver"),
    path("connect/<int:login_id>/cancel/", login_views.cancel, name="cancel"),
]
