"""What a row of the policies holds (management_proxy/proxy/rules/policy_table.py has the rows).

A row states for a path and methods who may call it, how large and how slow both bodies may be,
whether a failed call may be repeated, what of the response is masked, whether a write goes to the
funnel, and what confirmation a destructive form needs.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from django.utils.translation import gettext_noop as _

from management_proxy.client.limits import SMALL, Limits

PARAMETERS = {
    "log": r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*",
    "id": r"[A-Za-z0-9]{1,32}",
    "channel": r"[a-z0-9]+(?:-[a-z0-9]+)*",
    "plugin": r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*",
}

READ_SECRETS = "management_proxy.read_secrets"
DELETE_EVERYTHING = "management_proxy.delete_all_auth_files"
EMPTY_LISTS = "management_proxy.empty_lists"
DELETE_BY_INDEX = "management_proxy.delete_by_index"
CHANGE_PLUGINS = "management_proxy.change_plugins"


class Role(StrEnum):
    """Who may call."""

    STAFF = _("staff")
    SIGNED_IN = _("any signed-in user")
    OAUTH_OWNER = _("who began the login")


class Effect(StrEnum):
    """What a call does to the upstream, whatever its method is."""

    READ = _("reads")
    START = _("starts a login")
    WRITE = _("writes")


class Mask(StrEnum):
    """How secrets are taken out of a response (management_proxy/proxy/rules/response_masks.py)."""

    NOTHING = ""
    NAMED = _("secrets by name")
    CLIENT_KEYS = _("client keys")
    KEYS_IN_NAMES = _("keys in names")
    LOG_LINES = _("keys in log lines")
    TEXT = _("secrets in a text")
    YAML = _("secrets in YAML")


class BodyRule(StrEnum):
    """What a request's body must be before anything is sent
    (management_proxy/proxy/rules/request_bodies.py)."""

    NONE = _("no body")
    JSON = "JSON"
    KEY_LIST = _("a key list")
    KEY_PATCH = _("a change of an entry")
    PROVIDER_MAP = _("a map of providers")
    YAML = "YAML"
    ANY = _("anything")


class Form(StrEnum):
    """A form of a request that has a row of its own."""

    PLAIN = ""
    ALL = _("all")
    INDEX = _("index")
    EMPTY = _("an empty list")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One row. `path` is below the management URL; a part in braces matches as `PARAMETERS`
    defines.

    `query` are the members that may be sent, `needs` those that must. `permission` is required
    besides the role; `confirmation` is the required value of the header `X-Tollgate-Confirm`.
    """

    path: str
    methods: tuple[str, ...]
    role: Role = Role.STAFF
    effect: Effect = Effect.READ
    query: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    form: Form = Form.PLAIN
    body: BodyRule = BodyRule.NONE
    request_bytes: int = 0
    limits: Limits = SMALL
    retries: bool = False
    streams: bool = False
    masks: Mask = Mask.NOTHING
    writes_through_funnel: bool = False
    permission: str = ""
    confirmation: str = ""
    # The upstream calls other hosts: their faults and their slowness show nothing about the
    # upstream.
    reaches_beyond: bool = False
    # The body of a switch is worth reading in the trail, and holds no secret.
    audits_body: bool = False

    @property
    def audited(self) -> bool:
        return self.effect is not Effect.READ or self.permission == READ_SECRETS

    def passes_chunks(self, mask: Mask) -> bool:
        """Whether the response passes piece by piece, so masked; all others are held whole."""
        return self.streams and mask in (Mask.NOTHING, Mask.TEXT)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.path)
        return re.compile(
            "".join(
                f"(?:{PARAMETERS[part]})" if odd % 2 else re.escape(part)
                for odd, part in enumerate(parts)
            )
        )

    def __str__(self) -> str:
        return f"{'/'.join(self.methods)} {self.path}" + (f" ({self.form})" if self.form else "")
