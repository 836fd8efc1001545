"""Addresses of the pages about the management proxy."""

from django.urls import path

from management_proxy.proxy import breaker_views, policy_views
from management_proxy.tokens import views as token_views
from management_proxy.traffic import views as traffic_views

app_name = "proxy-pages"
urlpatterns = [
    path("monitoring/proxy/", traffic_views.traffic, name="traffic"),
    path("monitoring/policies/", policy_views.policies, name="policies"),
    path(
        "monitoring/breakers/<int:upstream_id>/close/",
        breaker_views.close_breaker,
        name="close-breaker",
    ),
    path("account/tokens/", token_views.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", token_views.revoke, name="revoke-token"),
]
