"""What a scrape lacks."""

from tests.gate.scenarios.observability import with_samples

SCRAPE = """\
# HELP providers_changes_total Changes that are settled, by their outcome.
# TYPE providers_changes_total counter
# HELP providers_changes_unsettled Changes whose outcome is not certain yet.
# TYPE providers_changes_unsettled gauge
providers_changes_unsettled{state="pending"} 1.0
"""


def test_a_metric_is_there_by_its_own_samples_and_not_by_those_of_a_longer_name():
    assert with_samples(SCRAPE) == {"providers_changes_unsettled"}
    counted = SCRAPE.replace("# HELP providers_changes_unsettled", "providers_changes_total 2.0\n#")
    assert "providers_changes" in with_samples(counted)
