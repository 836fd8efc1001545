"""Django settings; everything an operator may change comes from config/environment.py."""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from config import embedded_postgres, languages
from config.environment import read_environment
from config.logs import logging_configuration
from config.secrets import generated_secret
from config.stack.state import running_stack
from config.tracing import is_wanted, trouble_of

BASE_DIR = Path(__file__).resolve().parent.parent
environment = read_environment()

VAR_DIR: Path = (environment["VAR_DIR"] or BASE_DIR / "var").resolve()
SPOOL_DIR: Path = (environment["SPOOL_DIR"] or VAR_DIR / "spool").resolve()
TESTING = "pytest" in sys.modules
# Read by the settings of the gate's self-test alone (tests/gate/mutations); a check refuses it.
MUTATION: str = environment["TOLLGATE_MUTATION"]

# Upstream ----------------------------------------------------------------------------------------
CLIPROXYAPI_MANAGEMENT_URL: str = environment["CLIPROXYAPI_MANAGEMENT_URL"].rstrip("/")
CLIPROXYAPI_PUBLIC_URL: str = environment["CLIPROXYAPI_PUBLIC_URL"].rstrip("/")
MANAGEMENT_API_KEY: str = environment["MANAGEMENT_API_KEY"]
UPSTREAM_IS_SIMULATED: bool = environment["TOLLGATE_SIMULATED"]
COLLECTOR_API_KEY: str = environment["COLLECTOR_API_KEY"]
METRICS_TOKEN: str = environment["METRICS_TOKEN"]
METRICS_TOP_MODELS: int = environment["METRICS_TOP_MODELS"]

# A command beside `make run` serves the same upstream as the stack does.
if (
    not CLIPROXYAPI_MANAGEMENT_URL
    and not MANAGEMENT_API_KEY
    and not TESTING
    and (stack := running_stack(VAR_DIR))
    and stack.management_url
):
    CLIPROXYAPI_MANAGEMENT_URL = stack.management_url
    MANAGEMENT_API_KEY = stack.management_key
    UPSTREAM_IS_SIMULATED = True

COLLECTOR_INTERVAL_SECONDS: float = environment["COLLECTOR_INTERVAL_SECONDS"]
COLLECTOR_PAGE_SIZE: int = environment["COLLECTOR_PAGE_SIZE"]
COLLECTOR_TIME_BUDGET_SECONDS: float = environment["COLLECTOR_TIME_BUDGET_SECONDS"]
COLLECTOR_LEASE_TTL_SECONDS: float = environment["COLLECTOR_LEASE_TTL_SECONDS"]
WRITE_LEASE_TTL_SECONDS: float = environment["WRITE_LEASE_TTL_SECONDS"]
MAX_PROVIDER_KEYS_PER_USER: int = environment["MAX_PROVIDER_KEYS_PER_USER"]
MAX_CLIENT_KEYS_PER_USER: int = environment["MAX_CLIENT_KEYS_PER_USER"]
UPDATE_PRICES_NIGHTLY: bool = environment["UPDATE_PRICES_NIGHTLY"]
EVENT_RETENTION_MONTHS: int = environment["EVENT_RETENTION_MONTHS"]
ALERT_HISTORY_DAYS: int = environment["ALERT_HISTORY_DAYS"]
HISTORY_MAX_DAYS: int = environment["HISTORY_MAX_DAYS"]
PRIVATE_PROVIDER_NETWORKS: list[str] = environment["PRIVATE_PROVIDER_NETWORKS"]

# Database ----------------------------------------------------------------------------------------
DATABASE_URL: str = environment["DATABASE_URL"]
EMBEDDED_POSTGRES = not DATABASE_URL

DATABASE_REPLICA_URL: str = environment["DATABASE_REPLICA_URL"]
# Only of what is executed by a planned cursor (config/postgresql/base.py).
_prepares = (
    {"prepare_threshold": 0}
    if EMBEDDED_POSTGRES or environment["DATABASE_PREPARED_STATEMENTS"]
    else {}
)


def _database(address: dict[str, Any], connect_timeout: int) -> dict[str, Any]:
    return {
        **address,
        "ENGINE": "config.postgresql",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,  # PgBouncer in transaction mode
        "OPTIONS": {"connect_timeout": connect_timeout, "options": "-c timezone=UTC", **_prepares},
    }


DATABASES = {
    "default": _database(
        embedded_postgres.connection_settings(VAR_DIR)
        if EMBEDDED_POSTGRES
        else environ.Env.db_url_config(DATABASE_URL),
        connect_timeout=5,
    )
}
if DATABASE_REPLICA_URL:
    # Waiting longer would cost more than reading from the primary.
    DATABASES["replica"] = _database(
        environ.Env.db_url_config(DATABASE_REPLICA_URL), connect_timeout=2
    ) | {"TEST": {"MIRROR": "default"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Account files that are uploaded together (providers/bulk/archives.py).
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
# How old a list of accounts may be that pages show, and the one that is shown with its age while it
# is read anew (providers/accounts/listed.py).
LISTED_ACCOUNTS_SECONDS = 5
LISTED_ACCOUNTS_LONGEST_SECONDS = 60
# How long a page that is opened waits for its upstream before it is shown without
# (management_proxy/upstreams/unreachable.py).
PAGE_PATIENCE_SECONDS = 0.7

# Cache -------------------------------------------------------------------------------------------
CACHES = {"default": environ.Env.cache_url_config(environment["CACHE_URL"])}
if CACHES["default"]["BACKEND"].endswith(".LocMemCache"):
    # A result about hundreds of client keys takes some 100 kB.
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 100}
elif CACHES["default"]["BACKEND"].endswith(".RedisCache"):
    # Waiting longer would cost more than reading from the database.
    CACHES["default"]["OPTIONS"] = {"socket_connect_timeout": 0.3, "socket_timeout": 0.3}
HISTORY_CACHE_SECONDS: float = environment["HISTORY_CACHE_SECONDS"]
HISTORY_REPLICA_MAX_LAG_SECONDS: float = environment["HISTORY_REPLICA_MAX_LAG_SECONDS"]


# Secrets -----------------------------------------------------------------------------------------
def _secret(name: str) -> str:
    """The configured secret, or one kept beside the embedded database; empty (a system check
    refuses it) otherwise."""
    if configured := environment[name]:
        return str(configured)
    return generated_secret(VAR_DIR / "secrets", name.lower()) if EMBEDDED_POSTGRES else ""


SECRET_KEY = _secret("SECRET_KEY")
USAGE_HASH_KEY = _secret("USAGE_HASH_KEY")
ENCRYPTION_KEYS: list[str] = environment["ENCRYPTION_KEYS"] or list(
    filter(None, [_secret("ENCRYPTION_KEYS")])
)

# Web ---------------------------------------------------------------------------------------------
DEBUG: bool = environment["DEBUG"]
WEB_THREADS: int = environment["WEB_THREADS"]
DASHBOARD_URL: str = environment["DASHBOARD_URL"].rstrip("/")
_public = urlsplit(DASHBOARD_URL)
ALLOWED_HOSTS: list[str] = environment["ALLOWED_HOSTS"] or list(
    filter(None, ["localhost", "127.0.0.1", "[::1]", environment["HOST"], _public.hostname])
)
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if DASHBOARD_URL else []
_behind_https = _public.scheme == "https"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_https else None
SESSION_ENGINE = "config.sign_in.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _behind_https
SECURE_HSTS_SECONDS = 31_536_000 if _behind_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_SSL_REDIRECT = _behind_https
# Probes and scrapers come from within, past the reverse proxy.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|api/health|metrics)$"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES: list[str] = environment["TRUSTED_PROXIES"]
# The loopback default speaks plain HTTP, and a reverse proxy decides about subdomains: W004, W005,
# W008, W012, W016, W021.
SILENCED_SYSTEM_CHECKS = [
    "security.W004",
    "security.W005",
    "security.W008",
    "security.W012",
    "security.W016",
    "security.W021",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

INSTALLED_APPS = [
    "usage",
    "providers",
    "management_proxy",
    "config.sign_in",
    "monitoring",
    "django_htmx",
    "django_prometheus",
    "template_partials",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "monitoring.request_context.RequestContextMiddleware",
    "monitoring.metrics.requests.RequestAccountMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "config.middleware.CompressPagesMiddleware",
    "config.static_files.CompressedStaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.sign_in.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.sign_in.middleware.AuthenticationMiddleware",
    "management_proxy.tokens.access.PersonalTokenMiddleware",
    "usage.currencies.middleware.CurrencyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.sign_in.middleware.SignInAgainMiddleware",
    "monitoring.api.refusals.MethodNotAllowedMiddleware",
    "management_proxy.upstreams.unreachable.UnreachableUpstreamMiddleware",
]
CSRF_FAILURE_VIEW = "monitoring.api.refusals.csrf_failure"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "monitoring.web.context_processors.shell",
                "config.sign_in.language.shown",
            ],
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Static files and locale -------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Files are served from where they are installed: no collecting step, nothing copied into the
# repository.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

TIME_ZONE: str = environment["TZ"]
CURRENCY: str = environment["CURRENCY"]
USE_TZ = True
# Logs, JSON, CSV and commands speak English; only what is made for a person speaks that person's
# language (config/sign_in/language.py), and alerts DEFAULT_LANGUAGE.
LANGUAGE_CODE = languages.SOURCE_LANGUAGE
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGES = languages.available(LOCALE_PATHS[0])
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_SECURE = _behind_https
DEFAULT_LANGUAGE: str = environment["DEFAULT_LANGUAGE"]

LOG_SLOW_SECONDS: float = environment["LOG_SLOW_SECONDS"]
LOGGING = logging_configuration(environment["LOG_LEVEL"], environment["LOG_FORMAT"])
TRACING_TROUBLE = trouble_of(os.environ)
TRACING = is_wanted(os.environ) and not TRACING_TROUBLE
