"""What browsers accept of a form, in every language."""

from datetime import date

import pytest
from django.utils import translation

from monitoring.web.inputs import DayInput


@pytest.mark.parametrize("language", ["en", "de", "zh-hans"])
def test_a_day_is_as_browsers_want_it(language):
    with translation.override(language):
        assert 'value="2026-11-28"' in DayInput().render("day", date(2026, 11, 28))
