import pytest
from django.utils.translation import override

from usage.history.measures import DURATIONS, NOTHING, measures
from usage.templatetags.rankings import ranked_rows, timed_rows
from usage.web.page_figures import Row

HOSTILE = '"><script>alert(1)</script>'
MEASURES = measures(
    {**NOTHING, "attempts": 1234, "latency_count": 3, "latency_max_ms": 900},
    DURATIONS,
    {"latency": dict.fromkeys((50, 90, 95, 99), 150)},
)


@pytest.mark.parametrize("drawn", [ranked_rows, timed_rows])
def test_no_name_of_a_group_is_markup(drawn):
    row = Row([HOSTILE, "b"], MEASURES, 50.0, 99.5, 10.0, f"?model={HOSTILE}", "/events/?a&b")
    with override("en"):
        rows = drawn([row])

    assert "<script>" not in rows
    assert 'title="Only this: &quot;&gt;&lt;script&gt;' in rows
    assert '<a href="/events/?a&amp;b" title="These attempts">1,234</a>' in rows
    assert '<span class="bar" style="width:50.0%"></span></span>50.0 %' in rows


def test_what_was_not_measured_is_a_dash():
    row = Row(["a"], MEASURES, 50.0, 99.5, 10.0, "?", "?")
    with override("en"):
        rows = timed_rows([row, row])

    latency = f'<td class="number">{MEASURES.latency.p50_ms} ms</td>' * 3
    assert rows.count(f'<td class="number">–</td>{latency}<td class="number">–</td></tr>') == 2
