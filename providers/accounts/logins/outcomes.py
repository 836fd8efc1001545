"""Steps of a login's life, each a compare-and-set on its status: the second of two changes
nothing."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.client.oauth import FLOWS
from monitoring.audit import trail
from providers.accounts.auth_files import AuthFile
from providers.models.accounts import Account, AccountLogin

Status = AccountLogin.Status


def finish(login: AccountLogin) -> None:
    AccountLogin.objects.filter(pk=login.pk, status__in=(Status.WAITING, Status.DELIVERED)).update(
        status=Status.FINISHED, finished_at=timezone.now()
    )


def back_to_waiting(login: AccountLogin) -> None:
    AccountLogin.objects.filter(pk=login.pk, status=Status.DELIVERED).update(
        status=Status.WAITING, delivered_at=None
    )


def connect(login: AccountLogin, file: AuthFile) -> None:
    """Make the login's user the owner, unless another user is."""
    with transaction.atomic():
        Account.objects.get_or_create(
            upstream=login.upstream,
            name=file.name,
            defaults={
                "provider": file.provider,
                "label": file.label,
                "origin": Account.Origin.LOGIN,
            },
        )
        account = Account.objects.select_for_update().get(upstream=login.upstream, name=file.name)
        # A file that was not there when the login began had no owner any more, whatever an old
        # row holds.
        is_free = account.owner_id in (None, login.user_id) or file.name not in login.files_before
        if not is_free:
            settled = settle(
                login,
                Status.UNCLEAR,
                gettext(
                    "Another user connected this account before and remains its owner; contact"
                    " staff."
                ),
                file.name,
            )
        else:
            settled = settle(login, Status.CONNECTED, file.label, file.name)
            if settled.account_name == file.name and account.owner_id != login.user_id:
                Account.objects.filter(pk=account.pk).update(
                    owner=login.user,
                    origin=Account.Origin.LOGIN,
                    since=timezone.now(),
                    label=file.label,
                    provider=file.provider,
                )


def settle(
    login: AccountLogin, status: AccountLogin.Status, detail: str = "", account_name: str = ""
) -> AccountLogin:
    """End a login, once; the second of two changes nothing."""
    detail = detail[:300]
    ended = AccountLogin.objects.filter(pk=login.pk, settled_at=None).update(
        status=status,
        detail=detail,
        account_name=account_name,
        settled_at=timezone.now(),
        url="",
        user_code="",
        trouble="",
    )
    login.refresh_from_db()
    if ended:
        outcome = trail.Outcome.SUCCEEDED if status == Status.CONNECTED else trail.Outcome.FAILED
        trail.record(
            login.user,
            f"account.login_{status}",
            account_name or FLOWS[login.flow].label,
            upstream=login.upstream.name,
            outcome=outcome,
            detail={"reason": detail},
        )
    return login
