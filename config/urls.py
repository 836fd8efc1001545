"""The addresses of Tollgate: pages, JSON, the admin."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.utils.translation import gettext_lazy

from config.sign_in.forms import ThrottledAdminForm
from config.sign_in.language import choose_language
from config.sign_in.views import LoginView, set_password
from management_proxy.proxy.views import management
from monitoring.api import probes
from monitoring.metrics.views import metrics

admin.site.site_header = admin.site.site_title = gettext_lazy("Tollgate administration")
admin.site.login_form = ThrottledAdminForm

handler400 = "monitoring.api.refusals.bad_request"
handler403 = "monitoring.api.refusals.permission_denied"
handler404 = "monitoring.api.refusals.not_found"
handler500 = "monitoring.api.refusals.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("usage.overview.urls")),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("api/health", probes.api_health, name="health"),
    path("login/", LoginView.as_view(), name="login"),
    path("join/<str:secret>/", set_password, name="join"),
    path("language/", choose_language, name="language"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("connect/", include("usage.connect.urls")),
    path("usage/currencies/", include("usage.currencies.urls")),
    path("usage/prices/", include("usage.prices.urls")),
    path("usage/statements/", include("usage.statements.urls")),
    path("usage/budgets/", include("usage.budgets.urls")),
    path("usage/", include("usage.web.urls")),
    path("logs/", include("usage.web.logs.urls")),
    path("api/usage/", include("usage.api.urls")),
    re_path("^api/management/", management, name="management-api"),
    path("api/", include("providers.api_urls")),
    path("providers/acts/", include("providers.bulk.urls")),
    path("providers/accounts/", include("providers.accounts.urls")),
    path("providers/custom/", include("providers.custom.urls")),
    path("providers/configuration/", include("providers.configuration.urls")),
    path("providers/", include("providers.urls")),
    path("monitoring/", include("monitoring.urls")),
    path("monitoring/upstreams/", include("usage.web.upstreams.urls")),
    path("metrics", metrics, name="metrics"),
    path("", include("management_proxy.urls")),
    path("users/", include("usage.users.urls")),
    path("admin/", admin.site.urls),
]
