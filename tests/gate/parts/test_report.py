"""The report for people and for pipelines."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.gate.judgement import acceptance, references, thresholds
from tests.gate.record import Record
from tests.gate.report import machine, section
from tests.gate.report.charts import line_chart
from tests.gate.report.page import page
from tests.gate.report.result import Result
from tests.gate.scenarios.watch import slope_per_hour

VOID = {"meta", "link", "br"}


class Balanced(HTMLParser):
    """Fails over a tag that is not closed, and over anything that is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert not {"src", "href"} & {name for name, _ in attrs}
        if tag not in {*VOID, "li"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "li":
            assert self.open.pop() == tag


@pytest.fixture
def result(capsys) -> Result:
    record = Record()
    with record.stretch("triggers"):
        record.call("collect", 202, 0.01)
        record.call("collect", 500, 0.02, "<b>")
        record.sample("memory web 1", 100.0)
        record.sample("memory web 1", 101.0)
        record.incident("something <happened>")
        record.figure("triggers.sent", 1000)
        record.figure("triggers.run_overlaps", 3)
    verdicts = [thresholds.judge(one, record) for one in thresholds.load()]
    lines = acceptance.lines(verdicts)
    return Result("about & more", record, verdicts, lines, references.references(record))


def test_the_page_is_whole_escaped_and_needs_nothing_beside_it(result: Result):
    html = page(result)
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert "something &lt;happened&gt;" in html
    assert "about &amp; more" in html
    assert "No-go" in html
    assert "2 parallel `POST /api/usage/collect` calls" in html
    assert "<b>triggers.run_overlaps</b>: 3, at most 0" in html


def test_pipelines_get_junit_and_json(result: Result):
    suite = ElementTree.fromstring(machine.junit(result))  # noqa: S314
    cases = {f"{case.get('classname')}.{case.get('name')}": case for case in suite}
    assert cases["gate.triggers.sent"].find("failure") is None
    assert cases["gate.triggers.run_overlaps"].find("failure") is not None
    assert suite.get("failures") == str(sum(not v.passed for v in result.verdicts))
    document = json.loads(machine.document(result))
    assert document["verdict"] == "no-go"
    assert document["figures"]["triggers.run_overlaps"] == {"value": 3, "rounds": []}


def test_benchmarks_show_bounds_and_what_is_compared(result: Result):
    shown = section.body(json.loads(machine.document(result)))
    assert "| `triggers.run_overlaps` | 3 | at most 0 | **no** |" in shown
    assert "| `triggers.sent` | 1000 | at least 100 | yes |" in shown
    assert "not measured in this run" not in shown


def test_charts_thin_long_series_and_leave_out_empty_ones():
    chart = line_chart("t", "ms", {"long": [(n, n) for n in range(5000)], "empty": []})
    assert chart.count(",") < 1000
    assert "empty" not in chart
    assert line_chart("t", "ms", {"none": []}) == ""


def test_a_slope_is_not_moved_by_a_jump():
    steady = [(float(n), 100.0 + n / 3600) for n in range(600)]
    steady[300] = (300.0, 900.0)
    assert slope_per_hour(steady) == pytest.approx(1.0)
    assert slope_per_hour([]) == 0.0
