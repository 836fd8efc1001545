"""Connecting an OAuth account: from the provider's page to an account with a proven owner.

    waiting --code delivered--> delivered --upstream reports it--> finished --its file--> connected
       |  '--upstream reports it (device, browser)------------------> |
       '--cancelled, expired, failed                                  '--no file, or several-->
                                                                         unclear (staff grant)

What proves ownership. The upstream names a login only by its state and never reports which file it
wrote. A file is this login's if it appeared, or was written anew, since the login could write one,
and no other login could have done it:

* With a pasted address the code passes through us. It is delivered only while no other code of
  that kind is being exchanged (a unique constraint decides), and the files are listed just before.
* With a device code, or a browser on the upstream's host, others may finish at the same moment.
  Every open login of the kind is then polled as well; if two are done and cannot be
  distinguished, no owner is guessed: both are `unclear`.
* A file that another user owns stays theirs, however the login ended.

Invariants
* A login is reached only by the user and the session that began it; the state never leaves the
  server but inside the provider's address.
* Only the upstream's report or the deadline ends a login. An error on the way there is shown
  (`trouble`) and the next poll follows.
* Two polls at once do no harm: each step is a compare-and-set on the status.
"""

import hashlib
from datetime import timedelta
from urllib.parse import parse_qs

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.client import oauth as oauth_client
from management_proxy.client.errors import NotFound, NotReached, Refused, UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.oauth import FLOWS, Flow, LoginStatus
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.audit import trail
from providers.accounts.logins.files import files_of, modification_times
from providers.accounts.logins.outcomes import back_to_waiting, finish, settle
from providers.errors import ChangeRefused
from providers.models.accounts import AccountLogin

Status, Mode = AccountLogin.Status, AccountLogin.Mode

MOST_OPEN_PER_USER = 5
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
        kinds = ", ".join(FLOWS)
        raise ChangeRefused(
            gettext("There is no login of that kind; expected one of %(kinds)s.")
            % {"kinds": kinds},
            "flow",
        )
    mode = Mode.DEVICE if flow.is_device else Mode.BROWSER if browser_is_on_upstream else Mode.PASTE
    login = AccountLogin(
        upstream=upstream,
        user=user,
        session_digest=session_digest(session_key),
        flow=flow.name,
        mode=mode,
    )
    if same := _same_open(login):
        return same
    _start(login, flow)
    trail.record(
        user,
        "account.login_started",
        flow.label,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
    )
    return login


def _same_open(login: AccountLogin) -> AccountLogin | None:
    """The login of that kind which this session has open. Raises ChangeRefused if the user has too
    many open."""
    open_ones = AccountLogin.objects.filter(
        user=login.user, settled_at=None, expires_at__gt=timezone.now()
    )
    same = open_ones.filter(
        upstream=login.upstream,
        session_digest=login.session_digest,
        flow=login.flow,
        mode=login.mode,
        status=Status.WAITING,
    ).first()
    if same is None and open_ones.count() >= MOST_OPEN_PER_USER:
        raise ChangeRefused(
            gettext("You have %(most)s logins open; finish or cancel one first.")
            % {"most": MOST_OPEN_PER_USER},
            code="LIMIT_REACHED",
        )
    return same


def _start(login: AccountLogin, flow: Flow) -> None:
    """Start it upstream and store it; an older one whose state the upstream gave to it has
    failed."""
    client = client_for(login.upstream)
    login.files_before = modification_times(files_of(client, flow))
    started = oauth_client.start_login(
        client, flow, browser_is_on_upstream=login.mode == Mode.BROWSER
    )
    for older in AccountLogin.objects.filter(
        upstream=login.upstream, state=started.state, settled_at=None
    ):
        settle(
            older, Status.FAILED, gettext("The upstream restarted and reused this login's state.")
        )
    lifetime = min(started.expires_in or flow.minutes * 60, 30 * 60)
    login.state, login.url = started.state, started.url
    login.user_code = started.user_code[:40]
    login.expires_at = timezone.now() + timedelta(seconds=lifetime)
    login.save()


def deliver(login: AccountLogin, pasted: str) -> AccountLogin:
    """Deliver the address, or the code, that the provider ended with. Raises ChangeRefused naming
    what is wrong with it."""
    code, error = _read_paste(login, pasted)
    client = client_for(login.upstream)
    _claim_exchange(login, client)
    try:
        oauth_client.deliver_code(client, FLOWS[login.flow], login.state, code, error)
    except Refused as refused:
        if isinstance(refused, NotFound) or refused.status == 409:
            return settle(login, Status.FAILED, str(refused))
        back_to_waiting(login)
        raise ChangeRefused(
            gettext("The upstream does not take it: %(reason)s") % {"reason": refused}, "callback"
        ) from refused
    except NotReached:
        back_to_waiting(login)
        raise
    except UpstreamError as trouble:
        # It may have arrived; the next poll shows it.
        AccountLogin.objects.filter(pk=login.pk).update(trouble=str(trouble)[:300])
    login.refresh_from_db()
    return login


def _read_paste(login: AccountLogin, pasted: str) -> tuple[str, str]:
    text = pasted.strip()
    if not login.is_open or login.mode == Mode.DEVICE:
        raise ChangeRefused(
            gettext("This login does not wait for an address."), "callback", "CONFLICT"
        )
    if not text or len(text) > LONGEST_PASTE or not text.isprintable():
        raise ChangeRefused(
            gettext("Paste the address that the browser shows after you agreed."), "callback"
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
            gettext(
                "The address must contain code and state; copy it whole, from http:// to the end."
            ),
            "callback",
        )
    if state.strip() != login.state:
        raise ChangeRefused(
            gettext("That address belongs to another login; use the one that this page opened."),
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
            settle(
                stuck,
                Status.UNCLEAR,
                gettext("The upstream did not report how the exchange ended."),
            )
    try:
        with transaction.atomic():
            claimed = AccountLogin.objects.filter(pk=login.pk, status=Status.WAITING).update(
                status=Status.DELIVERED, delivered_at=timezone.now()
            )
    except IntegrityError as busy:
        raise ChangeRefused(
            gettext(
                "Another login of this kind is being completed; send it again in a few seconds."
            ),
            "callback",
            "BUSY",
        ) from busy
    if not claimed:
        raise ChangeRefused(gettext("This login has moved on already."), "callback", "CONFLICT")
    try:
        before = modification_times(files_of(client, FLOWS[login.flow]))
    except UpstreamError:
        back_to_waiting(login)
        raise
    AccountLogin.objects.filter(pk=login.pk).update(files_before=before)


def cancel(login: AccountLogin) -> AccountLogin:
    """End an open login; one that is finished upstream continues instead. Raises UpstreamError."""
    if login.is_open and login.status != Status.FINISHED:
        client = client_for(login.upstream)
        was_waiting = oauth_client.cancel_login(client, login.state)
        if was_waiting or oauth_client.poll_login(client, login.state).status != LoginStatus.DONE:
            return settle(login, Status.CANCELLED)
        finish(login)
    login.refresh_from_db()
    return login
