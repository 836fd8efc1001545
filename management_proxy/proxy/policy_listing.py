"""A row of the policies as people read it."""

from dataclasses import dataclass

from management_proxy.client.limits import KIB, MIB, Limits
from management_proxy.proxy.access import scope_needed
from management_proxy.proxy.limits.retry import MOST_ATTEMPTS
from management_proxy.proxy.rules.policy import BodyRule, Effect, Mask, Policy


@dataclass(frozen=True)
class Row:
    """One row in words; `text` is all of them in lower case, to search in."""

    policy: Policy
    who: str
    bodies: str
    limits: str
    remarks: tuple[str, ...]

    @property
    def members(self) -> list[str]:
        return sorted(self.policy.query)

    @property
    def text(self) -> str:
        policy = self.policy
        words = (
            *policy.methods,
            policy.path,
            policy.form,
            policy.effect,
            self.who,
            self.bodies,
            self.limits,
            *self.remarks,
            *policy.query,
            policy.confirmation,
        )
        return " ".join(words).casefold()


def row_of(policy: Policy) -> Row:
    """The row in words."""
    remarks = tuple(_remarks(policy))
    return Row(policy, _who(policy), _bodies(policy), _limits(policy.limits), remarks)


def _who(policy: Policy) -> str:
    permission = policy.permission.removeprefix("management_proxy.")
    needed = f" with {permission}" if permission else ""
    return f"{policy.role}{needed}; token: {scope_needed(policy).value}"


def _bodies(policy: Policy) -> str:
    going_in = "nothing"
    if policy.body is not BodyRule.NONE:
        going_in = f"{policy.body}, {_size(policy.request_bytes)}"
    going_out = _size(policy.limits.response_bytes) + (", streamed" if policy.streams else "")
    return f"in: {going_in}; out: {going_out}"


def _limits(limits: Limits) -> str:
    if limits.first_byte == limits.idle == limits.total:
        return f"{limits.connect:g} s to connect, {limits.total:g} s in all"
    return (
        f"{limits.connect:g} s to connect, {limits.first_byte:g} s to the first byte,"
        f" {limits.idle:g} s between bytes, {limits.total:g} s in all"
    )


def _remarks(policy: Policy) -> list[str]:
    remarks = [
        (policy.retries, f"repeated up to {MOST_ATTEMPTS - 1} times"),
        (policy.masks is not Mask.NOTHING, f"masks {policy.masks}"),
        (policy.writes_through_funnel, "through the funnel"),
        (policy.audited, "audited"),
        (policy.effect is Effect.START, "bound to its session"),
        (policy.reaches_beyond, "calls other hosts"),
    ]
    return [text for applies, text in remarks if applies]


def _size(count: int) -> str:
    if count >= MIB:
        return f"{count // MIB} MiB"
    return f"{count // KIB} KiB" if count >= KIB else f"{count} B"
