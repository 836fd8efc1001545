"""Who calls the proxy, and what they may do there."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest

from management_proxy.models import PersonalToken, Upstream
from management_proxy.proxy.rules.policy import READ_SECRETS, Effect, Policy, Role
from management_proxy.tokens.access import token_of
from monitoring.audit.trail import Via

Scope = PersonalToken.Scope


@dataclass(frozen=True)
class Caller:
    """A user, by session or by token.

    `binding` names the session or the token, to which the logins that it starts belong.
    """

    user: User
    via: str
    binding: str
    token: PersonalToken | None = None

    @property
    def is_staff(self) -> bool:
        return self.user.is_staff

    def has_permission(self, permission: str) -> bool:
        return self.user.has_perm(permission)

    @property
    def may_read_secrets(self) -> bool:
        return self.has_permission(READ_SECRETS) and (
            self.token is None or self.token.may(Scope.DESTROY)
        )


def caller_of(request: HttpRequest) -> Caller | None:
    """Who sent the request; None if it carries neither a session nor a token."""
    if not isinstance(request.user, User):
        return None
    if token := token_of(request):
        return Caller(request.user, Via.TOKEN, f"token {token.pk}", token)
    return Caller(request.user, Via.SESSION, f"session {request.session.session_key}")


def reason_against(caller: Caller, policy: Policy, upstream: Upstream) -> str:
    """Why the caller may not make such a call to this upstream; empty if they may."""
    if policy.role is Role.STAFF and not caller.is_staff:
        return "Only staff may call this."
    if policy.permission and not caller.has_permission(policy.permission):
        return f"This needs the permission {policy.permission}."
    return _reason_against_token(caller.token, policy, upstream) if caller.token else ""


def _reason_against_token(token: PersonalToken, policy: Policy, upstream: Upstream) -> str:
    if not token.may(needed := scope_needed(policy)):
        return f"The token's scope does not include {needed.value}."
    if not token.reaches(upstream):
        return "The token does not reach this upstream."
    return ""


def scope_needed(policy: Policy) -> PersonalToken.Scope:
    """The least scope of a token for a row: what needs a permission of its own is never a part of
    `read` or `write`."""
    if policy.permission:
        return Scope.DESTROY
    return Scope.READ if policy.effect is Effect.READ else Scope.WRITE
