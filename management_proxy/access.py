"""Who calls the proxy, and what they may do there."""

from dataclasses import dataclass
from io import BytesIO

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from management_proxy.models import Upstream
from management_proxy.policies import READ_SECRETS, Policy, Role
from monitoring.audit import Via


@dataclass(frozen=True)
class Caller:
    """Somebody signed in. `has_intent` says that the request cannot have been forged by another site's page."""

    user: AbstractBaseUser
    via: str
    has_intent: bool

    @property
    def is_staff(self) -> bool:
        return bool(getattr(self.user, "is_staff", False))

    def has_permission(self, permission: str) -> bool:
        return isinstance(self.user, PermissionsMixin) and self.user.has_perm(permission)

    @property
    def may_read_secrets(self) -> bool:
        return self.has_permission(READ_SECRETS)


def caller_of(request: HttpRequest) -> Caller | None:
    """Who sent the request; None for nobody we know."""
    if isinstance(request.user, AnonymousUser):
        return None
    return Caller(request.user, Via.SESSION, _has_csrf_token(request))


def reason_against(caller: Caller, policy: Policy, upstream: Upstream) -> str:
    """Why the caller may not make such a call to this upstream; empty if they may."""
    if policy.role is not Role.SIGNED_IN and not caller.is_staff:
        return "Only staff may call this."
    if policy.permission and not caller.has_permission(policy.permission):
        return f"This needs the permission {policy.permission}."
    return ""


def _has_csrf_token(request: HttpRequest) -> bool:
    """Whether header, cookie and origin agree. The body is left alone, for it is streamed: the header alone counts."""
    bodiless = WSGIRequest({**request.META, "REQUEST_METHOD": "PUT", "CONTENT_LENGTH": "0", "wsgi.input": BytesIO()})
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    middleware.process_request(bodiless)
    return middleware.process_view(bodiless, lambda _: HttpResponse(), (), {}) is None
