"""Figures as people read them: money rounded once and never to nothing, columns that line up."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from monitoring.templatetags.figures import (
    axis_amount,
    duration,
    exact_money,
    hour_ago,
    money,
    pace,
    percent,
    signed_points,
)


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


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "–"),
        (340, "340 ms"),
        (1200, "1.20 s"),
        (9_996, "10.0 s"),
        (41_000, "41.0 s"),
        (99_960, "100 s"),
        (200_000, "3 min 20 s"),
    ],
)
def test_durations_have_three_digits(milliseconds, shown):
    assert duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.01, "< 0.1 %"),
        (4, "4.0 %"),
        (62.04, "62.0 %"),
        (99.99, "99.9 %"),
        (100, "100 %"),
    ],
)
def test_percentages_have_one_decimal_but_for_none_and_all(value, shown):
    assert percent(value) == shown


def test_other_figures_of_columns():
    assert [pace(None), pace(58.7), pace(1234.56)] == ["–", "58.7", "1,234.6"]
    with translation.override("de"):
        assert [signed_points(-0.24), signed_points(3)] == ["▼ 0,2 Pp.", "▲ 3 Pp."]
    assert [signed_points(0.01), signed_points(1.2)] == ["± 0 pt", "▲ 1.2 pt"]


def test_amounts_of_an_axis_place_the_sign_as_the_language_does():
    nano = (0, 250_000, 2_500_000_000, 1_200 * 10**9)
    assert list(map(axis_amount, nano)) == ["$0", "$0.00025", "$2.5", "$1.2K"]
    with translation.override("de"):
        shown = [text.replace("\N{NO-BREAK SPACE}", " ") for text in map(axis_amount, nano)]
    assert shown == ["0 $", "0,00025 $", "2,5 $", "1,2 Tsd. $"]


def test_what_is_known_to_the_hour_claims_no_minutes():
    now = timezone.now()
    hours = (None, now, now - timedelta(minutes=59), now - timedelta(minutes=125))
    assert [hour_ago(hour) for hour in hours] == ["never", "< 1 h ago", "< 1 h ago", "2 h ago"]
