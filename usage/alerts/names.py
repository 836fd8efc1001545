"""Names by which rules are restricted to a client key, a user, a credential, a model or a
provider."""

from collections.abc import Callable, Iterable
from functools import partial

from django.contrib.auth import get_user_model
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.alerts.signals import Filter, Words
from providers.models import ClientKey, Credential
from usage.history.dimensions import EMPTY, Dimension
from usage.history.labels import labels
from usage.models import UsageSeries

MOST = 1000
Choice = tuple[str, str]


def by_name(
    dimension: Dimension, label: Words, suggestions: Callable[[], Iterable[Choice]]
) -> Filter:
    """A filter of history whose values have names."""
    return Filter(
        dimension.value,
        label,
        suggestions=suggestions,
        named=partial(_name, dimension),
    )


def _name(dimension: Dimension, value: str) -> str:
    return labels(dimension, [value])[value]


def _keys() -> Iterable[Choice]:
    return [(str(key.pk), key.display_name) for key in ClientKey.objects.order_by("-pk")[:MOST]]


def _users() -> Iterable[Choice]:
    users = get_user_model().objects.filter(client_keys__isnull=False).distinct()
    return [(str(user.pk), user.get_username()) for user in users.order_by("username")[:MOST]]


def _credentials() -> Iterable[Choice]:
    return [(str(found.pk), str(found)) for found in Credential.objects.order_by("-pk")[:MOST]]


def _texts(dimension: Dimension) -> Iterable[Choice]:
    series = UsageSeries.objects.filter(level=UsageSeries.Level.FULL)
    found = series.order_by(dimension.value).values_list(dimension.value, flat=True)
    return [(text or EMPTY, text or gettext("Not reported")) for text in found.distinct()[:MOST]]


NAMED = (
    by_name(Dimension.PROVIDER, _("Provider"), partial(_texts, Dimension.PROVIDER)),
    by_name(Dimension.MODEL, _("Model"), partial(_texts, Dimension.MODEL)),
    by_name(Dimension.KEY, _("Client key"), _keys),
    by_name(Dimension.USER, _("User"), _users),
    by_name(Dimension.CREDENTIAL, _("Credential"), _credentials),
)
