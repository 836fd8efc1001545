"""The geometry of charts: everything inside the plot, heights that add up, axes that people can
read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.web.charts import (
    ATTEMPTS,
    PERCENTILES,
    TOKENS,
    Slot,
    axis,
    bar_chart,
    sparkline,
)
from usage.web.line_charts import even_line_chart, line_chart


def slots(count, **fields):
    return [Slot(f"day {n}", f"{n:02}", f"?n={n}", **fields) for n in range(count)]


def attempts(succeeded, failed=None):
    return {"succeeded": succeeded, "failed": failed or [0] * len(succeeded)}


def test_parts_of_a_bar_are_stacked():
    lower, upper = bar_chart(slots(1), attempts([3], [1]), ATTEMPTS).bars[0].segments
    assert lower.y + lower.height == 100
    assert upper.y + upper.height == lower.y
    assert lower.height == 3 * upper.height


def test_a_bucket_without_figures_has_no_parts_but_a_place():
    empty, _ = bar_chart(slots(2), attempts([0, 1]), ATTEMPTS).bars
    assert empty.segments == []
    assert "Succeeded: 0" in empty.title


def test_not_reported_is_shown_as_such():
    columns = {series.column: [None, None] for series in TOKENS} | {
        "uncached_input_tokens": [5, None],
        "reasoning_tokens": [None, 1],
    }
    chart = bar_chart(slots(2), columns, TOKENS)
    assert [series.label for series in chart.series] == ["Input", "Reasoning"]
    assert "Reasoning: not reported" in chart.bars[0].title


def test_the_unfinished_bucket_says_so():
    assert (
        "(so far)" in bar_chart(slots(1, is_unfinished=True), attempts([1]), ATTEMPTS).bars[0].title
    )


@pytest.mark.parametrize("count", [1, 2, 7, 30, 90, 366])
def test_labels_never_crowd_and_the_newest_has_one(count):
    bars = bar_chart(slots(count), attempts([1] * count), ATTEMPTS).bars
    assert 1 <= sum(bool(bar.label) for bar in bars) <= 7
    assert bars[-1].label
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.01 for bar in bars)


def test_no_buckets_make_an_empty_chart():
    assert bar_chart([], attempts([]), ATTEMPTS).bars == []


@given(st.floats(0, 1e15))
def test_axis_reaches_the_largest_value_in_few_whole_steps(largest):
    values = axis(largest)
    assert values[-1] >= largest
    assert 2 <= len(values) <= 6
    assert all(value == int(value) for value in values)


@given(st.lists(st.tuples(*[st.integers(0, 10**8)] * 3), max_size=60))
def test_lines_stay_inside_the_plot_and_break_where_nothing_was_measured(points):
    columns = {
        series.column: [point[n] for point in points] for n, series in enumerate(PERCENTILES)
    }
    chart = line_chart(slots(len(points)), columns, PERCENTILES)
    drawn = [
        tuple(map(float, part.split()[-2:]))
        for line in chart.lines
        for piece in line.pieces
        for part in piece.replace("M", "L").split("L")[1:]
    ]
    assert all(0 <= number <= 100 for point in drawn for number in point)
    assert len(chart.ticks) >= 2
    for n, line in enumerate(chart.lines):
        assert len(line.pieces) == sum(
            bool(p[n]) and not (k and points[k - 1][n]) for k, p in enumerate(points)
        )


def points_of(piece):
    """The points of a piece, whose first one is written twice."""
    numbers = piece.partition("L")[2].split()
    return zip(numbers[::2], numbers[1::2], strict=True)


@given(st.lists(st.none() | st.integers(0, 10**9), max_size=20))
def test_even_lines_draw_zero_and_break_where_there_is_no_value(values):
    chart = even_line_chart(slots(len(values)), {"succeeded": values}, ATTEMPTS[:1])
    pieces = chart.lines[0].pieces
    points = [tuple(map(float, point)) for part in pieces for point in points_of(part)]
    assert len(points) == sum(value is not None for value in values)
    assert all(0 <= number <= 100 for point in points for number in point)
    assert len(pieces) == sum(
        value is not None and not (n and values[n - 1] is not None)
        for n, value in enumerate(values)
    )


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
