"""An environment variable, and how documents show it. Words are marked for translation by a
function that needs no settings, since the settings begin with the variables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation.trans_null import gettext_noop as _


@dataclass(frozen=True)
class Variable:
    """One environment variable: what it means to an operator, how it is read, and its default."""

    name: str
    meaning: str
    cast: Callable[[str], Any] | type = str
    default: Any = ""
    # The default in other words than its value, where there are any.
    shown_default: str = ""

    @property
    def documented_default(self) -> str:
        """The default as the documentation shows it."""
        if self.shown_default:
            return self.shown_default
        if self.default in ("", None, []):
            return _("unset")
        shown = f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
        return f"`{shown.lower() if self.cast is bool else shown}`"
