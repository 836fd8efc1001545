"""What changes of provider keys are called: each of a key, and of an entry that has a name."""

from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.keys.entries import masked_entry
from providers.keys.families import Family

Titles = tuple[Recorded, Recorded]
ADD = (
    Recorded(_("Add %(family)s key %(name)s")),
    Recorded(_("Add %(family)s entry %(name)s")),
)
EDIT = (
    Recorded(_("Edit %(family)s key %(name)s: %(fields)s")),
    Recorded(_("Edit %(family)s entry %(name)s: %(fields)s")),
)
ENABLE = (
    Recorded(_("Enable %(family)s key %(name)s")),
    Recorded(_("Enable %(family)s entry %(name)s")),
)
DISABLE = (
    Recorded(_("Disable %(family)s key %(name)s")),
    Recorded(_("Disable %(family)s entry %(name)s")),
)
REMOVE = (
    Recorded(_("Remove %(family)s key %(name)s")),
    Recorded(_("Remove %(family)s entry %(name)s")),
)
RESTORE = (
    Recorded(_("Restore %(family)s key %(name)s")),
    Recorded(_("Restore %(family)s entry %(name)s")),
)


def titled(titles: Titles, family: Family, identity: tuple[str, ...], **values: str) -> str:
    """A title with the family, and the name or the last characters of the key."""
    first = identity[0]
    name = first if family.is_named else str(masked_entry({"api-key": first})["api-key"])
    return titles[family.is_named](family=family.label, name=name, **values)
