"""Polling the upstream for the state of a login, and the steps that follow."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.client import oauth as oauth_client
from management_proxy.client.errors import UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.oauth import FLOWS, LoginStatus
from management_proxy.upstreams.clients import client_for
from providers.accounts.auth_files import AuthFile
from providers.accounts.logins.files import files_of
from providers.accounts.logins.outcomes import back_to_waiting, connect, finish, settle
from providers.models.accounts import AccountLogin

Status, Mode = AccountLogin.Status, AccountLogin.Mode

POLL_SECONDS = 1.5
# A written file shows up in the list within about a second (contract 5.8).
FILE_PATIENCE = timedelta(seconds=20)
# Longer than any exchange takes.
ARRIVAL_PATIENCE = timedelta(seconds=60)


def poll(login: AccountLogin) -> AccountLogin:
    """Request its state from the upstream, at most every second or so, and take the steps that
    follow."""
    now = timezone.now()
    is_due = login.looked_at is None or now - login.looked_at >= timedelta(seconds=POLL_SECONDS)
    if (
        login.is_open
        and is_due
        and AccountLogin.objects.filter(pk=login.pk, looked_at=login.looked_at).update(
            looked_at=now
        )
    ):
        try:
            client = client_for(login.upstream)
            if login.status != Status.FINISHED:
                _poll_upstream(login, client)
            login.refresh_from_db()
            if login.status == Status.FINISHED:
                _find_file(login, client)
            AccountLogin.objects.filter(pk=login.pk).exclude(trouble="").update(trouble="")
        except UpstreamError as error:
            AccountLogin.objects.filter(pk=login.pk).update(
                trouble=str(error)[:300] or gettext("the upstream is unreachable")
            )
            if login.seconds_left == 0 and login.status == Status.WAITING:
                settle(login, Status.EXPIRED)
    login.refresh_from_db()
    return login


def _poll_upstream(login: AccountLogin, client: ManagementClient) -> None:
    response = oauth_client.poll_login(client, login.state)
    if response.status == LoginStatus.DONE:
        finish(login)
    elif response.status == LoginStatus.FAILED:
        settle(
            login,
            (
                Status.EXPIRED
                if "timeout" in response.error.lower() or "timed out" in response.error.lower()
                else Status.FAILED
            ),
            response.error,
        )
    elif response.status == LoginStatus.UNKNOWN:
        # Finished ones are forgotten after a minute: no poll came in that minute, or the upstream
        # was restarted.
        if login.seconds_left == 0 and not login.delivered_at:
            settle(login, Status.EXPIRED)
        elif login.delivered_at or _changed(login, files_of(client, FLOWS[login.flow])):
            settle(
                login,
                Status.UNCLEAR,
                gettext("The upstream no longer has the outcome of this login."),
            )
        else:
            settle(
                login,
                Status.FAILED,
                gettext(
                    "The upstream no longer knows this login; it may have been restarted. Start"
                    " again."
                ),
            )
    elif login.seconds_left == 0:
        settle(login, Status.EXPIRED)
    elif login.delivered_at and timezone.now() - login.delivered_at > ARRIVAL_PATIENCE:
        back_to_waiting(
            login
        )  # the response was lost, and so was the code: it may be delivered again


def _find_file(login: AccountLogin, client: ManagementClient) -> None:
    changed = _changed(login, files_of(client, FLOWS[login.flow]))
    if not changed:
        if login.finished_at and timezone.now() - login.finished_at > FILE_PATIENCE:
            settle(
                login,
                Status.UNCLEAR,
                gettext("The upstream reports success, but no file has appeared."),
            )
        return
    appeared = [file for file in changed if file.name not in login.files_before] or changed
    if len(appeared) > 1 or _rival_is_done(login, client):
        names = ", ".join(sorted(file.name for file in appeared))
        settle(
            login,
            Status.UNCLEAR,
            gettext("Several accounts appeared at once: %(names)s") % {"names": names},
        )
        return
    connect(login, appeared[0])


def _changed(login: AccountLogin, files: list[AuthFile]) -> list[AuthFile]:
    """The files that this login may have written: new or written anew, and not another login's
    since it began."""
    taken = AccountLogin.objects.filter(
        upstream=login.upstream,
        flow=login.flow,
        status=Status.CONNECTED,
        settled_at__gte=login.started_at,
    )
    names = set(taken.exclude(pk=login.pk).values_list("account_name", flat=True))
    return [
        file
        for file in files
        if login.files_before.get(file.name) != file.modified_at and file.name not in names
    ]


def _rival_is_done(login: AccountLogin, client: ManagementClient) -> bool:
    """Whether another login may have written the file that was found."""
    rivals = AccountLogin.objects.filter(
        upstream=login.upstream, flow=login.flow, settled_at=None
    ).exclude(pk=login.pk)
    if login.mode == Mode.PASTE:
        rivals = rivals.exclude(mode=Mode.PASTE)  # their codes wait for ours
    return any(
        rival.status == Status.FINISHED
        or oauth_client.poll_login(client, rival.state).status == LoginStatus.DONE
        for rival in rivals
    )
