"""The report for pipelines: JUnit and JSON."""

import json
from dataclasses import asdict
from xml.etree import ElementTree

from tests.gate.report.result import Result


def junit(result: Result) -> str:
    """One test case a threshold, in a suite of its scenario."""
    suite = ElementTree.Element(
        "testsuite",
        name="gate",
        tests=str(len(result.verdicts)),
        failures=str(sum(not verdict.passed for verdict in result.verdicts)),
        time=f"{result.record.now:.1f}",
    )
    for verdict in result.verdicts:
        scenario, _, what = verdict.threshold.figure.partition(".")
        case = ElementTree.SubElement(suite, "testcase", classname=f"gate.{scenario}", name=what)
        if not verdict.passed:
            failure = ElementTree.SubElement(case, "failure", message=verdict.reason)
            failure.text = verdict.threshold.why
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def document(result: Result) -> str:
    """Figures, verdicts, acceptance, incidents and classes of errors as JSON."""
    record = result.record
    return json.dumps(
        {
            "about": result.about,
            "verdict": "go" if result.passed else "no-go",
            "seconds": round(record.now, 1),
            "figures": {name: asdict(figure) for name, figure in sorted(record.figures.items())},
            "thresholds": [
                {
                    "figure": verdict.threshold.figure,
                    "passed": verdict.passed,
                    "reason": verdict.reason,
                    "bound": verdict.threshold.bound,
                    "why": verdict.threshold.why,
                }
                for verdict in result.verdicts
            ],
            "acceptance": [asdict(line) for line in result.lines],
            "references": [asdict(reference) for reference in result.references],
            "scenarios": [asdict(stretch) for stretch in record.stretches],
            "incidents": record.incidents,
            "errors": dict(sorted(record.errors.items())),
            **record.documents,
        },
        indent=1,
    )
