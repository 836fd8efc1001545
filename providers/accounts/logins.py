"""Connecting an OAuth account: from the provider's page to an account with a proven owner.

    waiting --code handed over--> delivered --upstream says done--> finished --its file found-->
    connected
       |  '--upstream says done (device, browser)------------------>   |
       |--cancelled, expired, failed                                   '--no file, or several-->
                                                                       unclear (staff grant)

What proves ownership. The upstream names a login only by its state and never says which file it
wrote. A file is this login's if it appeared, or was written anew, since the login could write one,
and no other login could have done it:

* With a pasted address the code passes through us. It is handed over only while no other code of
  that kind is being exchanged (a unique constraint decides), and the files are listed just before.
* With a device code, or a browser on the upstream's host, others may finish at the same moment.
  Every open login of the kind is then asked as well; if two are done and not told apart, nobody
  gets anything by chance: both are `unclear`.
* A file that somebody else owns stays theirs, however the login ended.

Invariants
* A login is reached only by the user and the session that began it; the state never leaves the
  server but inside the provider's address.
* Only the upstream's word or its silence beyond the deadline ends a login. An error on the way
  there is shown and the next look comes (`trouble`).
* Two looks at once do no harm: each step is a compare-and-set on the status.
"""

import hashlib
from datetime import timedelta
from urllib.parse import parse_qs

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client import oauth as oauth_client
from management_proxy.client.client import ManagementClient
from management_proxy.client.errors import NotFound, NotReached, Refused, UpstreamError
from management_proxy.client.oauth import FLOWS, Flow, LoginStatus
from management_proxy.models import Upstream
from management_proxy.upstreams.registry import client_for
from monitoring.audit import trail as audit
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.errors import ChangeRefused
from providers.models.accounts import Account, AccountLogin

Status, Mode = AccountLogin.Status, AccountLogin.Mode

MOST_OPEN_PER_USER = 5
LOOK_SECONDS = 1.5
# A written file shows up in the list within about a second (contract 5.8).
FILE_PATIENCE = timedelta(seconds=20)
# Longer than any exchange takes.
ARRIVAL_PATIENCE = timedelta(seconds=60)
LONGEST_PASTE = 8000


def session_digest(session_key: str) -> bytes:
    """What a session is recognised by without keeping its key."""
    return hashlib.sha256(session_key.encode()).digest()


def begin(
    upstream: Upstream,
    user: User,
    session_key: str,
    flow_name: str,
    *,
    browser_is_on_upstream: bool = False,
) -> AccountLogin:
    """Start a login, or return the one that this session has open already. Raises ChangeRefused and
    UpstreamError."""
    flow = FLOWS.get(flow_name)
    if flow is None:
        raise ChangeRefused(
            f"There is no login of that kind; there are {', '.join(FLOWS)}.", "flow"
        )
    digest = session_digest(session_key)
    mode = Mode.DEVICE if flow.is_device else Mode.BROWSER if browser_is_on_upstream else Mode.PASTE
    open_ones = AccountLogin.objects.filter(
        user=user, settled_at=None, expires_at__gt=timezone.now()
    )
    if same := open_ones.filter(
        upstream=upstream, session_digest=digest, flow=flow.name, mode=mode, status=Status.WAITING
    ).first():
        return same
    if open_ones.count() >= MOST_OPEN_PER_USER:
        raise ChangeRefused(
            f"You have {MOST_OPEN_PER_USER} logins open; finish or cancel one first.",
            code="LIMIT_REACHED",
        )
    client = client_for(upstream)
    before = _files(client, flow)
    started = oauth_client.start_login(client, flow, browser_is_on_upstream=browser_is_on_upstream)
    for older in AccountLogin.objects.filter(
        upstream=upstream, state=started.state, settled_at=None
    ):
        _settle(
            older, Status.FAILED, "The upstream began anew and gave the login's name to another."
        )
    lifetime = min(started.expires_in or flow.minutes * 60, 30 * 60)
    login = AccountLogin.objects.create(
        upstream=upstream,
        user=user,
        session_digest=digest,
        flow=flow.name,
        mode=mode,
        state=started.state,
        url=started.url,
        user_code=started.user_code[:40],
        files_before=_times(before),
        expires_at=timezone.now() + timedelta(seconds=lifetime),
    )
    audit.record(
        user,
        "account.login_started",
        flow.label,
        upstream=upstream.name,
        outcome=audit.Outcome.SUCCEEDED,
    )
    return login


def deliver(login: AccountLogin, pasted: str) -> AccountLogin:
    """Hand over the address, or the code, that the provider ended with. Raises ChangeRefused naming
    what is wrong with it."""
    code, error = _read_paste(login, pasted)
    client = client_for(login.upstream)
    _claim_exchange(login, client)
    try:
        oauth_client.deliver_code(client, FLOWS[login.flow], login.state, code, error)
    except Refused as refused:
        if isinstance(refused, NotFound) or refused.status == 409:
            return _settle(login, Status.FAILED, str(refused))
        _back_to_waiting(login)
        raise ChangeRefused(f"The upstream does not take it: {refused}", "callback") from refused
    except NotReached:
        _back_to_waiting(login)
        raise
    except UpstreamError as trouble:
        # It may have arrived; the next look tells.
        AccountLogin.objects.filter(pk=login.pk).update(trouble=str(trouble)[:300])
    login.refresh_from_db()
    return login


def _read_paste(login: AccountLogin, pasted: str) -> tuple[str, str]:
    text = pasted.strip()
    if not login.is_open or login.mode == Mode.DEVICE:
        raise ChangeRefused("This login does not wait for an address.", "callback", "CONFLICT")
    if not text or len(text) > LONGEST_PASTE or not text.isprintable():
        raise ChangeRefused(
            "Paste the address that the browser shows after you agreed.", "callback"
        )
    if "://" in text:
        address, _, behind = text.partition("#")
        query = parse_qs(address.partition("?")[2])
        code, state, error = (query.get(name, [""])[0] for name in ("code", "state", "error"))
        state = state or behind
    else:
        code, _, state = text.partition("#")  # as Claude's page shows it for copying
        error = ""
    if not state or not (code or error):
        raise ChangeRefused(
            "The address must contain code and state; copy it whole, from http:// to the end.",
            "callback",
        )
    if state.strip() != login.state:
        raise ChangeRefused(
            "That address belongs to another login; use the one that this page opened.",
            "callback",
            "STATE_MISMATCH",
        )
    return code.strip(), error.strip()[:200]


def _claim_exchange(login: AccountLogin, client: ManagementClient) -> None:
    for stuck in AccountLogin.objects.filter(
        upstream=login.upstream,
        flow=login.flow,
        mode=Mode.PASTE,
        status__in=(Status.DELIVERED, Status.FINISHED),
    ):
        if stuck.is_stuck:
            _settle(stuck, Status.UNCLEAR, "The upstream did not say how the exchange ended.")
    try:
        with transaction.atomic():
            claimed = AccountLogin.objects.filter(pk=login.pk, status=Status.WAITING).update(
                status=Status.DELIVERED, delivered_at=timezone.now()
            )
    except IntegrityError as busy:
        raise ChangeRefused(
            "Somebody else's login of this kind is being completed; send it again in a few"
            " seconds.",
            "callback",
            "BUSY",
        ) from busy
    if not claimed:
        raise ChangeRefused("This login has moved on already.", "callback", "CONFLICT")
    try:
        before = _times(_files(client, FLOWS[login.flow]))
    except UpstreamError:
        _back_to_waiting(login)
        raise
    AccountLogin.objects.filter(pk=login.pk).update(files_before=before)


def _back_to_waiting(login: AccountLogin) -> None:
    AccountLogin.objects.filter(pk=login.pk, status=Status.DELIVERED).update(
        status=Status.WAITING, delivered_at=None
    )


def look(login: AccountLogin) -> AccountLogin:
    """Ask the upstream how it stands, at most every second or so, and take the steps that
    follow."""
    now = timezone.now()
    is_due = login.looked_at is None or now - login.looked_at >= timedelta(seconds=LOOK_SECONDS)
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
                _ask(login, client)
            login.refresh_from_db()
            if login.status == Status.FINISHED:
                _find_file(login, client)
            AccountLogin.objects.filter(pk=login.pk).exclude(trouble="").update(trouble="")
        except UpstreamError as error:
            AccountLogin.objects.filter(pk=login.pk).update(
                trouble=str(error)[:300] or "the upstream cannot be asked"
            )
            if login.seconds_left == 0 and login.status == Status.WAITING:
                _settle(login, Status.EXPIRED)
    login.refresh_from_db()
    return login


def _ask(login: AccountLogin, client: ManagementClient) -> None:
    answer = oauth_client.poll_login(client, login.state)
    if answer.status == LoginStatus.DONE:
        _finish(login)
    elif answer.status == LoginStatus.FAILED:
        _settle(
            login,
            (
                Status.EXPIRED
                if "timeout" in answer.error.lower() or "timed out" in answer.error.lower()
                else Status.FAILED
            ),
            answer.error,
        )
    elif answer.status == LoginStatus.UNKNOWN:
        # Finished ones are forgotten after a minute: nobody looked in that minute, or the upstream
        # was restarted.
        if login.seconds_left == 0 and not login.delivered_at:
            _settle(login, Status.EXPIRED)
        elif login.delivered_at or _changed(login, _files(client, FLOWS[login.flow])):
            _settle(login, Status.UNCLEAR, "The upstream no longer knows how this login ended.")
        else:
            _settle(
                login,
                Status.FAILED,
                "The upstream no longer knows this login; it may have been restarted. Start again.",
            )
    elif login.seconds_left == 0:
        _settle(login, Status.EXPIRED)
    elif login.delivered_at and timezone.now() - login.delivered_at > ARRIVAL_PATIENCE:
        _back_to_waiting(
            login
        )  # its answer was lost, and so was the code: it may be handed over again


def _finish(login: AccountLogin) -> None:
    AccountLogin.objects.filter(pk=login.pk, status__in=(Status.WAITING, Status.DELIVERED)).update(
        status=Status.FINISHED, finished_at=timezone.now()
    )


def _find_file(login: AccountLogin, client: ManagementClient) -> None:
    changed = _changed(login, _files(client, FLOWS[login.flow]))
    if not changed:
        if login.finished_at and timezone.now() - login.finished_at > FILE_PATIENCE:
            _settle(
                login, Status.UNCLEAR, "The upstream says it is done, but no file has appeared."
            )
        return
    appeared = [file for file in changed if file.name not in login.files_before] or changed
    if len(appeared) > 1 or _rival_is_done(login, client):
        _settle(
            login,
            Status.UNCLEAR,
            f"Several accounts appeared at once: {', '.join(sorted(file.name for file in appeared))}"[
                :300
            ],
        )
        return
    _connect(login, appeared[0])


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


def _connect(login: AccountLogin, file: AuthFile) -> None:
    """Make the login's user the owner, unless somebody else is."""
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
        # A file that was not there when the login began belonged to nobody any more, whatever an
        # old row says.
        is_free = account.owner_id in (None, login.user_id) or file.name not in login.files_before
        if not is_free:
            settled = _settle(
                login,
                Status.UNCLEAR,
                "This account was connected before by somebody else, who keeps it; ask staff.",
                file.name,
            )
        else:
            settled = _settle(login, Status.CONNECTED, file.label, file.name)
            if settled.account_name == file.name and account.owner_id != login.user_id:
                Account.objects.filter(pk=account.pk).update(
                    owner=login.user,
                    origin=Account.Origin.LOGIN,
                    since=timezone.now(),
                    label=file.label,
                    provider=file.provider,
                )


def cancel(login: AccountLogin) -> AccountLogin:
    """End an open login; one that is finished upstream goes on instead. Raises UpstreamError."""
    if login.is_open and login.status != Status.FINISHED:
        client = client_for(login.upstream)
        was_waiting = oauth_client.cancel_login(client, login.state)
        if was_waiting or oauth_client.poll_login(client, login.state).status != LoginStatus.DONE:
            return _settle(login, Status.CANCELLED)
        _finish(login)
    login.refresh_from_db()
    return login


def _settle(
    login: AccountLogin, status: AccountLogin.Status, detail: str = "", account_name: str = ""
) -> AccountLogin:
    """End a login, once; whoever comes second changes nothing."""
    ended = AccountLogin.objects.filter(pk=login.pk, settled_at=None).update(
        status=status,
        detail=detail[:300],
        account_name=account_name,
        settled_at=timezone.now(),
        url="",
        user_code="",
        trouble="",
    )
    login.refresh_from_db()
    if ended:
        outcome = audit.Outcome.SUCCEEDED if status == Status.CONNECTED else audit.Outcome.FAILED
        audit.record(
            login.user,
            f"account.login_{status}",
            account_name or FLOWS[login.flow].label,
            upstream=login.upstream.name,
            outcome=outcome,
            detail={"reason": detail},
        )
    return login


def _files(client: ManagementClient, flow: Flow) -> list[AuthFile]:
    return [
        file
        for file in map(auth_file_of, auth_file_client.list_auth_files(client))
        if file.provider == flow.provider and file.name
    ]


def _times(files: list[AuthFile]) -> dict[str, str]:
    return {file.name: file.modified_at for file in files}
