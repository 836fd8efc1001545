"""Every rule and signal has its section in the runbook."""

import pytest

from monitoring.alerts.default_rules import default_rules
from monitoring.alerts.messages import anchor
from monitoring.alerts.signals import signal_named, signals
from monitoring.models import AlertRule
from tests.docs import ROOT
from tests.docs.test_links import anchors

SECTIONS = anchors(ROOT / "docs" / "runbook.md")


def test_no_rule_lacks_its_section():
    rules = [AlertRule(code=rule.code, signal=rule.signal) for rule in default_rules()]
    own = [AlertRule(signal=signal.name) for signal in signals()]
    assert {anchor(rule) for rule in [*rules, *own]} - SECTIONS == set()


def test_every_section_is_of_a_rule():
    known = {anchor(AlertRule(code=rule.code, signal=rule.signal)) for rule in default_rules()}
    known |= {anchor(AlertRule(signal=signal.name)) for signal in signals()}
    assert {section for section in SECTIONS if section.startswith("alert-")} == known


@pytest.mark.parametrize("rule", default_rules(), ids=lambda rule: rule.code)
def test_shipped_rules_are_valid(db, rule):
    signal_named(rule.signal).validate(rule.filters)
    assert AlertRule.objects.get(code=rule.code).is_enabled
