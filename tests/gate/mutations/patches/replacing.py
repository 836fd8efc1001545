"""The one tool of all mutations."""

from importlib import import_module
from typing import Any


def replace(module: str, name: str, value: Any) -> Any:
    """Give a name of a module another value; the one that it had."""
    home = import_module(module)
    had = getattr(home, name)
    setattr(home, name, value)
    return had
