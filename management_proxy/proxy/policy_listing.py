"""A row of the policies as people read it."""

from dataclasses import dataclass

from django.utils.translation import gettext

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
    text = (
        gettext("%(role)s with %(permission)s; token: %(scope)s")
        if permission
        else gettext("%(role)s; token: %(scope)s")
    )
    known = {"permission": permission, "scope": scope_needed(policy).value}
    return text % {"role": gettext(policy.role), **known}


def _bodies(policy: Policy) -> str:
    going_in = gettext("nothing")
    if policy.body is not BodyRule.NONE:
        going_in = f"{gettext(policy.body)}, {_size(policy.request_bytes)}"
    text = gettext("in: %(in)s; out: %(out)s")
    if policy.streams:
        text = gettext("in: %(in)s; out: %(out)s, streamed")
    return text % {"in": going_in, "out": _size(policy.limits.response_bytes)}


def _limits(limits: Limits) -> str:
    text = (
        gettext("%(connect)s s to connect, %(total)s s in all")
        if limits.first_byte == limits.idle == limits.total
        else gettext(
            "%(connect)s s to connect, %(first)s s to the first byte, %(idle)s s between bytes,"
            " %(total)s s in all"
        )
    )
    return text % {
        "connect": f"{limits.connect:g}",
        "first": f"{limits.first_byte:g}",
        "idle": f"{limits.idle:g}",
        "total": f"{limits.total:g}",
    }


def _remarks(policy: Policy) -> list[str]:
    repeated = gettext("repeated up to %(times)s times") % {"times": MOST_ATTEMPTS - 1}
    masks = gettext("masks %(what)s") % {"what": gettext(policy.masks)}
    remarks = [
        (policy.retries, repeated),
        (policy.masks is not Mask.NOTHING, masks),
        (policy.writes_through_funnel, gettext("through the funnel")),
        (policy.audited, gettext("audited")),
        (policy.effect is Effect.START, gettext("bound to its session")),
        (policy.reaches_beyond, gettext("calls other hosts")),
    ]
    return [text for applies, text in remarks if applies]


def _size(count: int) -> str:
    if count >= MIB:
        return f"{count // MIB} MiB"
    return f"{count // KIB} KiB" if count >= KIB else f"{count} B"
