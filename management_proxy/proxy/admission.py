"""What a request has to be before anything of it goes upstream. Every check raises a Refusal; none
does any I/O upstream."""

from dataclasses import dataclass
from urllib.parse import quote

from django.http import HttpRequest

from management_proxy.models import Upstream
from management_proxy.proxy.access import Caller, caller_of, reason_against
from management_proxy.proxy.caller_bodies import BodyIncomplete, BodyTooBig, CallerBody, body_of
from management_proxy.proxy.oauth_binding import UnreadableCallback, owns_login, read_callback
from management_proxy.proxy.refusals import Refusal
from management_proxy.proxy.rules.paths import BadTarget, Target, read_target
from management_proxy.proxy.rules.policy import BodyRule, Effect, Form, Mask, Policy, Role
from management_proxy.proxy.rules.policy_table import rows_for_path
from management_proxy.proxy.rules.request_bodies import BadBody, form_of_body
from management_proxy.uploaded_text import UnreadableText, decoded_text
from management_proxy.upstreams.registry import NoSuchUpstream, find_upstream
from monitoring.api.access import is_intended
from monitoring.api.errors import CSRF_TOKEN_MISSING, NOT_SIGNED_IN

CONFIRM = "X-Tollgate-Confirm"
REVEAL = "X-Tollgate-Reveal"


@dataclass
class Entry:
    """A request that was let in. A body that its policy has to see is in `content`, any other one
    is still to be read."""

    caller: Caller
    target: Target
    policy: Policy
    upstream: Upstream
    body: CallerBody
    content: bytes | None
    mask: Mask

    @property
    def reveals(self) -> bool:
        """Whether the caller gets secrets unmasked."""
        return self.mask is not self.policy.masks


def who_calls(request: HttpRequest) -> Caller:
    """The caller. Raises Refusal for a stranger."""
    caller = caller_of(request)
    if caller is None:
        raise Refusal(*NOT_SIGNED_IN)
    return caller


def requested_policy(request: HttpRequest) -> tuple[Target, Policy]:
    """The target and its row, but for what the body decides. Raises Refusal."""
    try:
        target = read_target(_raw_target(request))
    except BadTarget as error:
        raise Refusal(400, "PATH_MALFORMED", f"The address is malformed: {error}.") from error
    rows = rows_for_path(target.path)
    if not rows:
        raise Refusal(404, "PATH_NOT_LISTED", "The proxy does not allow this path.")
    of_method = [row for row in rows if request.method in row.methods]
    if not of_method:
        allowed = sorted({method for row in rows for method in row.methods})
        raise Refusal(
            405,
            "METHOD_NOT_LISTED",
            f"The proxy allows only {', '.join(allowed)} here.",
            headers={"Allow": ", ".join(allowed)},
        )
    policy = _row_of_query(of_method, target)
    _check_query(policy, target)
    return target, policy


def _raw_target(request: HttpRequest) -> str:
    """What was in the request line. Where the server does not keep it, what it decoded is encoded
    again."""
    if raw := request.META.get("RAW_URI") or request.META.get("REQUEST_URI"):
        return str(raw)
    query = request.META.get("QUERY_STRING", "")
    return quote(request.path, safe="/@+~") + (f"?{query}" if query else "")


def _row_of_query(rows: list[Policy], target: Target) -> Policy:
    """The row of the form that the query has; a form that only the body shows comes later."""
    for row in rows:
        if row.form in (Form.ALL, Form.INDEX) and target.has(row.form):
            return row
    return next(row for row in rows if row.form is Form.PLAIN)


def _check_query(policy: Policy, target: Target) -> None:
    names = {name for name, _ in target.query}
    if unknown := names - policy.query:
        allowed = ", ".join(sorted(policy.query)) or "no query"
        raise Refusal(
            400,
            "QUERY_NOT_LISTED",
            f"{len(unknown)} members of the query do not pass here; allowed: {allowed}.",
        )
    if missing := policy.needs - {name for name, value in target.query if value}:
        raise Refusal(400, "QUERY_INCOMPLETE", f"The query needs {', '.join(sorted(missing))}.")


def let_in(
    request: HttpRequest, caller: Caller, target: Target, policy: Policy, upstream: Upstream
) -> Entry:
    """Everything else, in the order of cost. Raises Refusal."""
    _check_role(caller, policy, upstream)
    _check_intent(request, policy)
    body = body_of(request, policy.request_bytes, policy.limits.total)
    content = _content(policy, body)
    policy = _row_of_body(policy, request.method or "", target.path, content)
    _check_role(caller, policy, upstream)
    _check_confirmation(request, policy)
    if policy.role is Role.OAUTH_OWNER:
        content = _bound(caller, policy, upstream, target, content)
    return Entry(caller, target, policy, upstream, body, content, _mask(request, caller, policy))


def upstream_of(target: Target) -> Upstream:
    """The upstream that the target names. Raises Refusal."""
    try:
        return find_upstream(target.upstream)
    except NoSuchUpstream as error:
        raise Refusal(404, "UPSTREAM_UNKNOWN", str(error)) from error


def _check_role(caller: Caller, policy: Policy, upstream: Upstream) -> None:
    if reason := reason_against(caller, policy, upstream):
        raise Refusal(403, "AUTH_INSUFFICIENT_PERMISSIONS", reason)


def _check_intent(request: HttpRequest, policy: Policy) -> None:
    if policy.effect is not Effect.READ and not is_intended(request):
        raise Refusal(*CSRF_TOKEN_MISSING)


def _content(policy: Policy, body: CallerBody) -> bytes | None:
    """The body where its policy has to see it before anything is sent; a byte-order mark is taken
    off every body."""
    if policy.body is BodyRule.ANY and (body.length or 0) > body.budget:
        raise too_large(policy)
    try:
        if policy.body is BodyRule.ANY:
            body.drop_mark()
            return None
        return decoded_text(body.whole()).encode()
    except UnreadableText as error:
        raise Refusal(400, "BODY_REFUSED", f"The body is refused: {error}.") from error
    except BodyTooBig as error:
        raise too_large(policy) from error
    except BodyIncomplete as error:
        raise Refusal(
            400, "BODY_INCOMPLETE", "The body ended early, or was not received in time."
        ) from error


def too_large(policy: Policy) -> Refusal:
    """The refusal of a body over its budget."""
    expected = (
        f"The body exceeds {policy.request_bytes} bytes."
        if policy.request_bytes
        else "No body is expected here."
    )
    return Refusal(413, "BODY_TOO_LARGE", expected)


def _row_of_body(policy: Policy, method: str, path: str, content: bytes | None) -> Policy:
    if content is None:
        return policy
    try:
        form = form_of_body(policy.body, path, content)
    except BadBody as error:
        raise Refusal(400, "BODY_REFUSED", f"The body is refused: {error}.") from error
    if form is Form.PLAIN:
        return policy
    return next(row for row in rows_for_path(path) if row.form is form and method in row.methods)


def _check_confirmation(request: HttpRequest, policy: Policy) -> None:
    if policy.confirmation and request.headers.get(CONFIRM, "") != policy.confirmation:
        raise Refusal(
            428,
            "CONFIRMATION_NEEDED",
            f"This destroys data. Send the header “{CONFIRM}: {policy.confirmation}” to confirm.",
        )


def _bound(
    caller: Caller, policy: Policy, upstream: Upstream, target: Target, content: bytes | None
) -> bytes | None:
    """The body as it is sent. Raises Refusal for a login that this session or token did not
    start."""
    states = {value for name, value in target.query if name == "state"}
    if policy.body is not BodyRule.NONE:
        try:
            state, content = read_callback(content or b"")
        except UnreadableCallback as error:
            raise Refusal(400, "BODY_REFUSED", f"The body is refused: {error}.") from error
        states.add(state)
    if not owns_login(upstream, caller.binding, states):
        raise Refusal(
            404, "LOGIN_UNKNOWN", "No login of that state was started by this session or token."
        )
    return content


def _mask(request: HttpRequest, caller: Caller, policy: Policy) -> Mask:
    if request.headers.get(REVEAL, "") != "secrets":
        return policy.masks
    if not caller.may_read_secrets:
        raise Refusal(
            403,
            "AUTH_INSUFFICIENT_PERMISSIONS",
            "This needs the permission management_proxy.read_secrets.",
        )
    return Mask.NOTHING
