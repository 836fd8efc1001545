"""One short run of the gate from its start to its report, on a stack of its own."""

from functools import partial
from pathlib import Path

from tests.gate.__main__ import show, write
from tests.gate.plan import Plan
from tests.gate.record import Record
from tests.gate.run import conclude, measure
from tests.gate.scenarios import triggers


def test_a_short_run_is_measured_judged_reported_and_leaves_nothing(tmp_path: Path, capsys):
    plan = Plan("smoke", 0, 30, {"triggers": partial(triggers.run, triggers=32)})
    record = Record()
    measure(plan, record, tmp_path / "logs")
    result = conclude(plan, record)
    write(result, tmp_path)
    show(result, tmp_path)
    # It sends fewer triggers than a verdict needs; all else must hold.
    failed = {v.threshold.figure: v.reason for v in result.verdicts if not v.passed}
    assert list(failed) == ["triggers.sent"], failed
    assert record.figures["leftovers.processes"].value == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "logs",
        "report.html",
        "junit.xml",
        "gate.json",
    }
    assert "NO-GO" in capsys.readouterr().out
