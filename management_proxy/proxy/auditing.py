"""Calls that write, start something or reveal secrets, as the audit trail keeps them.

The entry is written before anything is sent, and given its outcome afterwards: a process that dies
in between leaves it `pending`. A refusal before that is one entry, `refused`.
"""

from types import TracebackType

from management_proxy.proxy.access import Caller
from management_proxy.proxy.admission import Entry
from management_proxy.proxy.limits.sockets import CallerLeft
from management_proxy.proxy.refusals import Refusal
from management_proxy.proxy.rules.paths import Target
from management_proxy.proxy.rules.policy import Policy
from monitoring.audit import trail
from monitoring.audit.trail import Outcome
from monitoring.masking import last4
from monitoring.models import AuditEntry

# What names a key to delete is that key.
_KEYS_IN_QUERIES = frozenset({"value", "api-key"})


class Audited:
    """The trail of one call; does nothing for one that is not audited."""

    def __init__(self, caller: Caller, method: str, target: Target, policy: Policy) -> None:
        self._caller, self._policy = caller, policy
        self._action = f"proxy.{method.lower()}"
        self._target = target
        self._entry: AuditEntry | None = None
        self._is_over = False

    def __enter__(self) -> "Audited":
        return self

    def begin(self, entry: Entry) -> None:
        """The call was let in and is about to be sent."""
        self._policy = entry.policy
        if not entry.policy.audited and not entry.reveals:
            return
        content = entry.content or b""
        detail: dict[str, object] = {"query": self._query, "bytes": len(content)}
        if entry.policy.audits_body:
            detail["body"] = content[:200].decode(errors="replace")
        if entry.reveals:
            detail["reveals"] = True
        self._entry = trail.begin(
            self._caller.user,
            self._action,
            self._named,
            upstream=entry.upstream.name,
            detail=detail,
        )

    def end(self, status: int) -> None:
        """A response came, which is on its way to the caller."""
        self._finish(Outcome.SUCCEEDED if status < 400 else Outcome.FAILED, {"status": status})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_over or error is None:
            return
        if self._entry is not None:
            self._finish(*_outcome_of(error))
        elif self._policy.audited and isinstance(error, Refusal):
            self._record(error)

    def _record(self, refusal: Refusal) -> None:
        trail.record(
            self._caller.user,
            self._action,
            self._named,
            upstream=self._target.upstream,
            outcome=Outcome.REFUSED,
            detail={"reason": refusal.code, "query": self._query},
        )

    @property
    def _query(self) -> dict[str, str]:
        return {
            name: last4(value) if name in _KEYS_IN_QUERIES else value
            for name, value in self._target.query
        }

    @property
    def _named(self) -> str:
        path, form = self._target.path, self._policy.form
        return f"{path} ({form})" if form else path

    def _finish(self, outcome: str, detail: dict[str, object]) -> None:
        self._is_over = True
        if self._entry is not None:
            trail.finish(self._entry, outcome, detail)


def _outcome_of(error: BaseException) -> tuple[str, dict[str, object]]:
    """The outcome and detail of a call that was begun and ended by an error."""
    if not isinstance(error, Refusal):
        reason = "caller_left" if isinstance(error, CallerLeft) else type(error).__name__
        return Outcome.UNKNOWN, {"reason": reason}
    outcome = Outcome.FAILED if error.status == 502 else Outcome.REFUSED
    if error.outcome_is_unknown:
        outcome = Outcome.UNKNOWN
    return outcome, {"reason": error.code, "status": error.status}
