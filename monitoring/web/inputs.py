"""Fields of forms that HTML defines more narrowly than Django does."""

from typing import Any

from django import forms


class DayInput(forms.DateInput):
    """A day. Browsers want YYYY-MM-DD whatever the language, and empty the field otherwise."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")
