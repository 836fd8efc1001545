"""Every finding leads to its section of the runbook, and no link of a document is dead."""

import re
from html import unescape

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils.translation import override

from monitoring.alerts.default_rules import default_rules
from monitoring.alerts.messages import anchor
from monitoring.health import Finding, Level, check_names, section_of
from monitoring.models import AlertRule
from monitoring.web import documents
from tests.factories import make_user
from usage.failures.guidance import GUIDANCE
from usage.health.diagnosis import JUDGEMENTS, judge_pause
from usage.health.diagnosis import section_of as section_of_judgement

IDS = re.compile(r'id="([^"]+)"')
HREFS = re.compile(r'href="([^"]*)"')


def ids(name: str) -> set[str]:
    return {unescape(found) for found in IDS.findall(documents.document(name).html)}


def test_every_finding_has_its_section_and_every_section_its_finding():
    parts = {section_of_judgement(judgement) for judgement in (*JUDGEMENTS, judge_pause)}
    wanted = {section_of(name) for name in check_names() | parts}
    assert {found for found in ids("runbook") if found.startswith("finding-")} == wanted


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_every_failure_class_leads_to_its_section_in_every_language(language):
    with override(language):
        assert {guidance.anchor for guidance in GUIDANCE.values()} <= ids("runbook")


def test_every_rule_has_its_section():
    rules = {anchor(AlertRule(code=rule.code, signal=rule.signal)) for rule in default_rules()}
    assert rules <= ids("runbook")


def test_a_finding_links_to_its_section():
    assert Finding(Level.ERROR, "bad", check="dead letters").runbook == (
        "/monitoring/runbook/#finding-dead-letters"
    )
    assert Finding(Level.ERROR, "bad", check="upstream", section="upstream clock").runbook.endswith(
        "#finding-upstream-clock"
    )


@pytest.mark.parametrize("name", sorted(documents.names()))
def test_no_link_of_a_document_is_dead(name):
    prefix = reverse("monitoring:document", args=["x"]).removesuffix("x/")
    for href in map(unescape, HREFS.findall(documents.document(name).html)):
        path, _, fragment = href.partition("#")
        target = path.removeprefix(prefix).removesuffix("/") if path.startswith(prefix) else name
        if path.startswith(prefix) or not path:
            assert target in documents.names(), href
            assert not fragment or fragment in ids(target), href


@pytest.mark.django_db
def test_the_pages(client):
    assert client.get("/monitoring/runbook/").status_code == 302
    client.force_login(make_user())
    page = client.get("/monitoring/runbook/").content.decode()
    assert page.count("<h1") == 1
    assert 'id="finding-upstream-clock"' in page
    assert client.get("/monitoring/documents/failures/").status_code == 200
    assert client.get("/monitoring/documents/settings/").status_code == 404
