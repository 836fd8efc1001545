"""Money as people read it: rounded once, and never to nothing."""

import pytest

from monitoring.templatetags.figures import exact_money, money


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (None, "–"),
        (0, "$0.00"),
        (1, "< $0.0001"),
        (99_999, "< $0.0001"),
        (100_000, "$0.0001"),
        (12_345_678, "$0.0123"),
        (999_999_999, "$1.0000"),
        (1_005_000_000, "$1.00"),
        (1_015_000_000, "$1.02"),
        (1_234_567_890_123, "$1,234.57"),
        (-41_000_000_000, "-$41.00"),
    ],
)
def test_dollars_are_rounded_half_to_even(nano, shown):
    assert money(nano) == shown


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (None, "no price"),
        (0, "$0"),
        (1, "$0.000000001"),
        (-36_000, "-$0.000036"),
        (10**18 + 1, "$1,000,000,000.000000001"),
    ],
)
def test_exact_dollars_have_every_digit(nano, shown):
    assert exact_money(nano) == shown
