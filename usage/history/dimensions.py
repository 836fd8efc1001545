"""What history can be filtered and grouped by: a closed list of dimensions, and filters as a
query string contains them.

A parameter may come several times and its values are alternatives; different parameters must all
hold. The empty parameter is no filter, as HTML forms send it. `unattributed` stands for usage
without a user, client key or credential, `(empty)` for a text that was not reported:
`reasoning_effort=none` is a real effort of the upstream (contract 2.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from usage.models.failures import FailureClass, with_members

UNATTRIBUTED = "unattributed"
EMPTY = "(empty)"
MAX_VALUES = 100
_LARGEST_ID = 2**63 - 1

Value = str | int | None


class InvalidQuery(ValueError):
    """A query that cannot be processed; `fields` maps each parameter to what was expected and what
    was got."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields = dict(fields)


class Outcome(Enum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Dimension(Enum):
    """One thing that usage can be filtered and grouped by; the value is its name in query strings
    and JSON."""

    UPSTREAM = "upstream"
    USER = "user"
    KEY = "key"
    MODEL = "model"
    ALIAS = "alias"
    PROVIDER = "provider"
    CREDENTIAL = "credential"
    ENDPOINT = "endpoint"
    AUTH_TYPE = "auth_type"
    SERVICE_TIER = "service_tier"
    REASONING_EFFORT = "reasoning_effort"
    FAILURE_CLASS = "failure_class"
    OUTCOME = "outcome"

    @property
    def label(self) -> str:
        """Its name for people, in the active language."""
        return str(_LABELS[self])

    @property
    def is_identity(self) -> bool:
        """Whether its values are ids of rows, or `unattributed`."""
        return self in _IDENTITIES

    @property
    def choices(self) -> tuple[str, ...]:
        """The accepted values of a closed dimension; none for an open one."""
        return _CHOICES.get(self, ())

    @property
    def is_for_staff(self) -> bool:
        """Whether only staff may use it: whose account served a request is not for others."""
        return self is Dimension.CREDENTIAL

    def parse(self, text: str) -> Value:
        """The value that a parameter stands for; None for usage without one. Raises ValueError
        saying what was expected."""
        if self.is_identity:
            return None if text == UNATTRIBUTED else _parse_id(text)
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"expected one of {', '.join(self.choices)}, got {text[:40]!r}")
            return text
        if len(text) > 200 or not text.isprintable():
            raise ValueError(
                f"expected printable text of at most 200 characters, got {text[:40]!r}"
            )
        return "" if text == EMPTY else text

    def written(self, value: Value) -> str:
        """How a value stands in a query string; the inverse of `parse`."""
        if self.is_identity:
            return UNATTRIBUTED if value is None else str(value)
        return str(value) if value != "" else EMPTY


_LABELS = {
    Dimension.UPSTREAM: _("Upstream"),
    Dimension.USER: _("User"),
    Dimension.KEY: _("Client key"),
    Dimension.MODEL: _("Model"),
    Dimension.ALIAS: _("Alias"),
    Dimension.PROVIDER: _("Provider"),
    Dimension.CREDENTIAL: _("Credential"),
    Dimension.ENDPOINT: _("Endpoint"),
    Dimension.AUTH_TYPE: _("Auth type"),
    Dimension.SERVICE_TIER: _("Service tier"),
    Dimension.REASONING_EFFORT: _("Reasoning effort"),
    Dimension.FAILURE_CLASS: _("Failure class"),
    Dimension.OUTCOME: _("Outcome"),
}
_IDENTITIES = frozenset({Dimension.USER, Dimension.KEY, Dimension.CREDENTIAL})
_CHOICES = {
    Dimension.FAILURE_CLASS: tuple(name for name in FailureClass.values if name),
    Dimension.OUTCOME: tuple(outcome.value for outcome in Outcome),
}


def _parse_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= _LARGEST_ID):
        raise ValueError(f"expected a whole number or {UNATTRIBUTED}, got {text[:40]!r}")
    return int(text)


# Where the client key and the credential of an event stand, beside `usage_event AS e` and
# `usage_usageseries AS s`.
EVENT_PARTIES = "e"


@dataclass(frozen=True)
class Filters:
    """Accepted values per dimension; a dimension that is absent accepts everything."""

    values: Mapping[Dimension, tuple[Value, ...]] = field(default_factory=dict)

    @classmethod
    def from_query(cls, query: QueryDict) -> "Filters":
        """The filters of a query string, other parameters left alone. Raises InvalidQuery naming
        each wrong field."""
        values: dict[Dimension, tuple[Value, ...]] = {}
        wrong: dict[str, str] = {}
        for dimension in Dimension:
            texts = [text for text in query.getlist(dimension.value) if text]
            try:
                if accepted := _accepted(dimension, texts):
                    values[dimension] = accepted
            except ValueError as error:
                wrong[dimension.value] = str(error)
        if wrong:
            raise InvalidQuery(wrong)
        return cls(values)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __hash__(self) -> int:
        return hash(tuple(self.query))

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """The dimensions that are restricted."""
        return frozenset(self.values)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The filters as pairs for a query string, in one order whatever order they were given
        in."""
        return [(d.value, d.written(value)) for d in Dimension for value in self.values.get(d, ())]

    @property
    def accept_failures_only(self) -> bool:
        """Whether they leave out every success."""
        outcomes = self.values.get(Dimension.OUTCOME)
        return Dimension.FAILURE_CLASS in self.values or outcomes == (Outcome.FAILED.value,)

    def without(self, *dimensions: Dimension) -> "Filters":
        """The same with some dimensions unrestricted."""
        return Filters({d: accepted for d, accepted in self.values.items() if d not in dimensions})

    def sql(self, parties: str = EVENT_PARTIES, nobody: str = "IS NULL") -> str:
        """A condition over `usage_usageseries AS s` and the alias of the table that holds client
        key and credential.

        `nobody` is how that table says that there is none: events have NULL there, rollups 0.
        """
        return (
            " AND ".join(
                _condition(d, accepted, parties, nobody) for d, accepted in self.values.items()
            )
            or "TRUE"
        )

    @property
    def parameters(self) -> dict[str, object]:
        """The named parameters of `sql`."""
        return {
            f"filter_{d.value}": with_members(str(value) for value in accepted)
            if d is Dimension.FAILURE_CLASS
            else [value for value in accepted if value is not None]
            for d, accepted in self.values.items()
        }


def _accepted(dimension: Dimension, texts: list[str]) -> tuple[Value, ...]:
    if len(texts) > MAX_VALUES:
        raise ValueError(f"expected at most {MAX_VALUES} values, got {len(texts)}")
    return tuple(
        sorted({dimension.parse(text) for text in texts}, key=lambda value: (value is None, value))
    )


_SERIES_CONDITIONS = {
    Dimension.UPSTREAM: (
        "s.upstream_id IN (SELECT id FROM management_proxy_upstream WHERE name ="
        " ANY(%(filter_upstream)s))"
    ),
    Dimension.OUTCOME: (
        "s.failed = ANY(SELECT wanted = 'failed' FROM unnest(%(filter_outcome)s::text[]) AS wanted)"
    ),
}


def _condition(dimension: Dimension, accepted: tuple[Value, ...], parties: str, nobody: str) -> str:
    if dimension in _SERIES_CONDITIONS:
        return _SERIES_CONDITIONS[dimension]
    if dimension is Dimension.USER:
        return _of_user(accepted, f"{parties}.client_key_id", nobody)
    column = {
        Dimension.KEY: f"{parties}.client_key_id",
        Dimension.CREDENTIAL: f"{parties}.credential_id",
    }.get(dimension, f"s.{dimension.value}")
    kind = "bigint" if dimension.is_identity else "text"
    condition = f"{column} = ANY(%(filter_{dimension.value})s::{kind}[])"
    return f"({condition} OR {column} {nobody})" if None in accepted else condition


def _of_user(accepted: tuple[Value, ...], key: str, nobody: str) -> str:
    condition = (
        f"{key} IN (SELECT id FROM providers_clientkey WHERE owner_id ="
        " ANY(%(filter_user)s::bigint[]))"
    )
    if None not in accepted:
        return condition
    # Nobody's: no key at all, or a key that nobody owns.
    return (
        f"({condition} OR {key} {nobody} OR {key} IN (SELECT id FROM providers_clientkey WHERE"
        " owner_id IS NULL))"
    )
