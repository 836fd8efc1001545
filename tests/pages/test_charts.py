"""The geometry of charts: everything inside the plot, heights that add up, axes that people can read."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.charts import ATTEMPTS, TOKENS, axis, daily_chart, latency_chart, sparkline

TODAY = date(2026, 11, 24)


def day(number: int, **fields):
    return {"date": f"2026-11-{number:02}", "success": 0, "failure": 0, **fields}


def test_parts_of_a_bar_stand_on_each_other():
    chart = daily_chart([day(1, success=3, failure=1)], ATTEMPTS, TODAY)
    lower, upper = chart.bars[0].segments
    assert lower.y + lower.height == 100
    assert upper.y + upper.height == lower.y
    assert lower.height == 3 * upper.height


def test_a_day_without_figures_has_no_parts_but_a_place():
    empty = daily_chart([day(1), day(2, success=1)], ATTEMPTS, TODAY).bars[0]
    assert empty.segments == []
    assert "Succeeded: 0" in empty.title


def test_not_reported_is_told_as_such():
    fields = {series.field: None for series in TOKENS} | {"uncachedInputTokens": 5}
    chart = daily_chart([{"date": "2026-11-01", **fields}, {"date": "2026-11-02", **fields, "reasoningTokens": 1}], TOKENS, TODAY)
    assert [series.label for series in chart.series] == ["Input", "Reasoning"]
    assert "Reasoning: not reported" in chart.bars[0].title


def test_the_unfinished_day_is_marked_and_labelled():
    *_, yesterday, today = daily_chart([day(n, success=n) for n in range(1, 25)], ATTEMPTS, TODAY).bars
    assert not yesterday.is_unfinished
    assert today.is_unfinished
    assert today.label == "today"


@pytest.mark.parametrize("days", [1, 2, 7, 30, 90, 366])
def test_labels_never_crowd(days):
    chart = daily_chart([day(1, success=1)] * days, ATTEMPTS, TODAY)
    assert 1 <= len({bar.label for bar in chart.bars} - {""}) <= 7
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.01 for bar in chart.bars)


def test_no_days_make_an_empty_chart():
    assert daily_chart([], ATTEMPTS, TODAY).bars == []


@given(st.floats(0, 1e15))
def test_axis_reaches_the_largest_value_in_few_whole_steps(largest):
    values = axis(largest)
    assert values[-1] >= largest
    assert 2 <= len(values) <= 6
    assert all(value == int(value) for value in values)


@given(st.lists(st.integers(0, 10**8), max_size=120))
def test_latencies_stay_inside_the_plot(latencies):
    summary = {"p50Ms": latencies[0] if latencies else 0, "p95Ms": max(latencies, default=0)}
    chart = latency_chart([{"latencyMs": ms} for ms in latencies], summary)
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for dot in chart.dots)
    assert len(chart.ticks) >= 2


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=400))
def test_sparkline_fits_its_box(values):
    points = [tuple(map(float, point.split(","))) for point in sparkline(values).split()]
    assert 2 <= len(points) <= 30
    assert points[0][0] == 0
    assert points[-1][0] == 100
    assert all(2 <= y <= 22 for _, y in points)


@pytest.mark.parametrize("values", [[], [5]])
def test_one_value_makes_no_line(values):
    assert sparkline(values) == ""
