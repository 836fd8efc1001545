"""The report as one HTML page that needs nothing beside it."""

from collections import defaultdict
from collections.abc import Iterable
from html import escape

from tests.gate.judgement.acceptance import Line
from tests.gate.judgement.references import Reference
from tests.gate.judgement.thresholds import Verdict
from tests.gate.record import Call, Record
from tests.gate.report.charts import Point, line_chart
from tests.gate.report.result import Result

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
.wide { overflow-x: auto; } li, td { overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; }
td, th { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
.pass { color: #00795b; } .fail { color: #c03a00; font-weight: 600; } .open { color: #806000; }
@media (prefers-color-scheme: dark) {
  .pass { color: #3ecf9f; } .fail { color: #ff9466; } .open { color: #e0b040; } }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; font: 11px system-ui, sans-serif; fill: currentColor; }
svg .axis { stroke: currentColor; opacity: .5; }
svg .mark { stroke: #d55e00; stroke-dasharray: 3 3; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
"""
# Of latency and throughput, for the charts.
BUCKET_SECONDS = 5.0


def page(result: Result) -> str:
    """The whole page."""
    word, kind = ("Go", "pass") if result.passed else ("No-go", "fail")
    parts = (
        f'<h1>Rollout gate: <span class="{kind}">{word}</span></h1>',
        f"<p>{escape(result.about)}</p>",
        _reasons(result.verdicts),
        "<h2>Acceptance of the plan</h2>",
        _acceptance(result.lines),
        "<h2>Thresholds</h2>",
        _thresholds(result.verdicts),
        "<h2>Beside the dashboard that the plan describes</h2>",
        _references(result.references),
        "<h2>Over time</h2>",
        _charts(result.record),
        "<h2>What happened</h2>",
        _happened(result.record),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Rollout gate: '
        f"{word}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose cells are HTML."""
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _word(passed: bool | None) -> str:
    if passed is None:
        return '<span class="open">not measured</span>'
    return '<span class="pass">pass</span>' if passed else '<span class="fail">FAIL</span>'


def _reasons(verdicts: list[Verdict]) -> str:
    failed = [v for v in verdicts if not v.passed]
    if not failed:
        return f"<p>All {len(verdicts)} thresholds hold.</p>"
    items = "".join(
        f"<li><b>{escape(v.threshold.figure)}</b>: {escape(v.reason)}. {escape(v.threshold.why)}"
        for v in failed
    )
    return f"<p>{len(failed)} of {len(verdicts)} thresholds do not hold:</p><ul>{items}</ul>"


def _acceptance(lines: list[Line]) -> str:
    rows = [
        (
            f"Day {line.day}",
            escape(line.text),
            _word(line.passed),
            "<br>".join(map(escape, line.measured)),
        )
        for line in lines
    ]
    return _table(("day", "the plan's line", "", "measured, by scenario"), rows)


def _thresholds(verdicts: list[Verdict]) -> str:
    rows = [
        (
            escape(v.threshold.figure),
            _word(v.passed),
            escape(v.reason),
            escape(v.threshold.why),
        )
        for v in verdicts
    ]
    return _table(("figure", "", "measured, bound", "why"), rows)


def _references(references: list[Reference]) -> str:
    rows = [
        (escape(r.what), escape(r.theirs), escape(r.ours), escape(r.source)) for r in references
    ]
    return _table(("what", "that dashboard", "this run", "from"), rows)


def _charts(record: Record) -> str:
    latency: dict[str, list[Point]] = {}
    rate: dict[str, list[Point]] = {}
    failed: dict[str, list[Point]] = {}
    for scenario, buckets in _buckets(record).items():
        latency[scenario] = [(at, 1000 * _p95(calls)) for at, calls in buckets]
        rate[scenario] = [(at, len(calls) / BUCKET_SECONDS) for at, calls in buckets]
        failed[scenario] = [(at, sum(c.has_failed for c in calls)) for at, calls in buckets]
    failing = {name: points for name, points in failed.items() if any(v for _, v in points)}
    by_start = {
        start: {n.removeprefix(start): s for n, s in record.samples.items() if n.startswith(start)}
        for start in ("memory ", "CPU ")
    }
    marks = record.incidents
    return "".join(
        (
            line_chart("Latency, p95 (peaks are cut)", "ms", latency, marks, cuts_peaks=True),
            line_chart("Throughput", "calls/s", rate, marks),
            line_chart("Resident memory", "MiB", by_start["memory "], marks),
            line_chart("CPU", "% of a core", by_start["CPU "], marks),
            line_chart("Calls that failed, in five seconds", "", failing, marks),
        )
    )


def _buckets(record: Record) -> dict[str, list[tuple[float, list[Call]]]]:
    """Calls by the scenario that they belong to and by bucket of time."""
    found: dict[str, dict[float, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in record.calls:
        bucket = call.at // BUCKET_SECONDS * BUCKET_SECONDS
        for stretch in record.stretches:
            if stretch.began <= call.at <= stretch.ended:
                found[stretch.scenario][bucket].append(call)
    return {scenario: sorted(buckets.items()) for scenario, buckets in found.items()}


def _p95(calls: list[Call]) -> float:
    ordered = sorted(call.seconds for call in calls)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def _happened(record: Record) -> str:
    stretches = [
        (
            f"{s.began:.0f} to {s.ended:.0f} s",
            escape(s.scenario),
            escape(s.error or "complete"),
        )
        for s in record.stretches
    ]
    incidents = [(f"{at:.1f} s", escape(text)) for at, text in record.incidents]
    errors = [(escape(name), str(count)) for name, count in sorted(record.errors.items())]
    return "".join(
        (
            _table(("when", "scenario", "end"), stretches),
            _table(("when", "incident"), incidents),
            _table(("class of errors", "calls"), errors),
        )
    )
