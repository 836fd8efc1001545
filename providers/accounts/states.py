"""The states of accounts, kept from the upstream's list, for what may not request it: rules,
gauges, pages that are polled."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from providers.accounts.auth_files import AuthFile, Health, auth_file_of
from providers.models import AccountState

_STATUS_OF_HEALTH = {
    Health.ACTIVE: "active",
    Health.FAILING: "error",
    Health.WAITING: "pending",
    Health.DISABLED: "disabled",
}


def keep_states(upstream: Upstream, client: ManagementClient) -> list[AccountState]:
    """Read the list and keep each account's state; one that is listed no more is forgotten. Raises
    UpstreamError."""
    now = timezone.now()
    listed = [auth_file_of(entry) for entry in auth_file_client.list_auth_files(client)]
    with transaction.atomic():
        before = {s.name: s for s in AccountState.objects.filter(upstream=upstream)}
        states = [_state(upstream, f, before.get(f.name), now) for f in listed if f.name]
        AccountState.objects.filter(upstream=upstream).delete()
        return AccountState.objects.bulk_create({s.name: s for s in states}.values())


def last_known_files(upstream: Upstream) -> tuple[list[AuthFile], datetime | None]:
    """What was kept of each account, and when that was read, for a page that can read nothing
    else."""
    states = list(AccountState.objects.filter(upstream=upstream))
    return [_file(state) for state in states], min((s.read_at for s in states), default=None)


def _file(state: AccountState) -> AuthFile:
    entry = {
        "name": state.name,
        "provider": state.provider,
        "label": state.label,
        "status": _STATUS_OF_HEALTH.get(Health(state.health), "error" if state.reason else ""),
        "status_message": state.reason,
        "disabled": state.health == Health.DISABLED,
        "unavailable": state.health == Health.COOLING,
        "next_retry_after": state.retry_at.isoformat() if state.retry_at else None,
    }
    return replace(auth_file_of(entry), is_partial=True)


def _state(
    upstream: Upstream, file: AuthFile, before: AccountState | None, now: datetime
) -> AccountState:
    health, is_refused = file.health(now).value, file.is_refused
    is_same = before and (before.health, before.is_refused) == (health, is_refused)
    return AccountState(
        upstream=upstream,
        name=file.name,
        provider=file.provider[:60],
        label=file.label,
        health=health,
        is_refused=is_refused,
        reason=file.reason,
        since=before.since if before and is_same else now,
        retry_at=file.next_retry_at,
        plan_until=file.plan_until,
        read_at=now,
    )
