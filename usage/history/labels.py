"""Names for the values of dimensions, as people know them."""

from collections.abc import Iterable

from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from monitoring.planned_statements import rows
from providers.models import ClientKey
from providers.models.keys import credential_name_sql, key_name_sql
from usage.history.dimensions import EMPTY, UNATTRIBUTED, Dimension
from usage.history.scope import Scope
from usage.history.snapshot import Row
from usage.models.failures import FailureClass

NOBODY, NO_KEY, NO_CREDENTIAL = _("Nobody"), _("No key"), _("No credential")
_NOBODY = {Dimension.USER: NOBODY, Dimension.KEY: NO_KEY, Dimension.CREDENTIAL: NO_CREDENTIAL}
_OF_IDS = "WHERE named.id = ANY(%s::bigint[])"
_KEYS = f"""
/* usage.history.key_names */
SELECT named.id, {key_name_sql("named")}, named.owner_id, owner.username
FROM providers_clientkey AS named LEFT JOIN auth_user AS owner ON owner.id = named.owner_id
{_OF_IDS}
"""
_NAMES = {
    Dimension.KEY: _KEYS,
    Dimension.USER: (
        f"/* usage.history.user_names */ SELECT id, username FROM auth_user AS named {_OF_IDS}"
    ),
    Dimension.CREDENTIAL: (
        f"/* usage.history.credential_names */ SELECT id, {credential_name_sql('named')} FROM"
        f" providers_credential AS named {_OF_IDS}"
    ),
}
_CLOSED = (Dimension.OUTCOME, Dimension.FAILURE_CLASS)


def key_names(ids: Iterable[int]) -> dict[int, Row]:
    """Name, owner and owner's name of client keys, by id."""
    return {
        pk: {"name": name, "owner_id": owner_id, "owner__username": username}
        for pk, name, owner_id, username in rows(_KEYS, [list(ids)])
    }


def group_value(dimension: Dimension, value: str) -> str:
    """The value of a group as a filter wants it."""
    if value:
        return value
    return UNATTRIBUTED if dimension.is_identity else EMPTY


def label_for_people(dimension: Dimension, value: str, label: str) -> str:
    """The label of a group's value in the active language: results are in English, and names stay
    as they are."""
    if dimension is Dimension.FAILURE_CLASS and value == EMPTY:
        return capfirst(str(FailureClass.NONE.label))
    is_word = dimension in _CLOSED or value in (UNATTRIBUTED, EMPTY)
    return gettext(label) if is_word else label


def labels(dimension: Dimension, values: Iterable[str]) -> dict[str, str]:
    """The English label of each value of groups of a dimension; ids whose row is gone keep their
    number."""
    wanted = set(values)
    found = {value: value for value in wanted} | _named(
        dimension, [int(value) for value in wanted if value.isdigit()]
    )
    if "" in wanted:
        found[""] = _NOBODY.get(
            dimension,
            str(FailureClass.NONE.label).capitalize()
            if dimension is Dimension.FAILURE_CLASS
            else _("Not reported"),
        )
    return found


def labels_within(scope: Scope, dimension: Dimension, values: Iterable[str]) -> dict[str, str]:
    """The same as a user may see them: keys and users of others keep their number."""
    wanted = set(values)
    if scope.sees_everything or not dimension.is_identity:
        return labels(dimension, wanted)
    own = {str(scope.owner_id)}
    if dimension is Dimension.KEY:
        own = {
            str(pk)
            for pk in ClientKey.objects.filter(owner_id=scope.owner_id).values_list("pk", flat=True)
        }
    return {value: value for value in wanted} | labels(dimension, wanted & {*own, ""})


def _named(dimension: Dimension, ids: list[int]) -> dict[str, str]:
    if statement := _NAMES.get(dimension):
        return {str(pk): name for pk, name, *_owner in rows(statement, [ids])} if ids else {}
    if dimension is Dimension.FAILURE_CLASS:
        return {name: str(label) for name, label in FailureClass.choices if name}
    if dimension is Dimension.OUTCOME:
        return {"failed": _("Failed"), "succeeded": _("Succeeded")}
    return {}
