"""A configuration whose aliases mean billions of values: handled as the few bytes that it is, and
not saved."""

import time
import tracemalloc

import pytest

from providers.configuration import actions
from providers.configuration.changes import ReplaceConfiguration
from providers.configuration.document import InvalidText, check_replacement
from providers.errors import ChangeRefused
from providers.models import ConfigurationVersion
from providers.models.configuration import digest_of
from tests.bombs import BOMB, LOOP, MERGES

pytestmark = pytest.mark.django_db
TEXT = "remote-management: {secret-key: sk-management-0001}\napi-keys: [sk-client-key-0001]\n"


@pytest.mark.parametrize("bomb", [BOMB, MERGES, LOOP])
def test_reading_masking_comparing_and_versioning_expand_nothing(upstream, bomb):
    text = TEXT + bomb
    actions.record_version(upstream, TEXT, ConfigurationVersion.Origin.FOUND)
    tracemalloc.start()
    began = time.thread_time()
    shown = actions.hidden_text(text)
    version = actions.record_version(upstream, text, ConfigurationVersion.Origin.FOUND)
    lines = actions.compared(TEXT, text)
    change = ReplaceConfiguration(text=text, opened=digest_of(TEXT))
    assert change.holds(text)
    assert change.shown(text)["bytes"] == version.size
    took, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 0.1
    assert peak < 10_000_000
    assert "sk-client" not in shown
    assert len(lines) == text.count("\n") + 1


@pytest.mark.parametrize(("bomb", "line"), [(BOMB, 7), (LOOP, 4)])
def test_it_is_not_saved_and_the_refusal_names_the_line(upstream, bomb, line):
    opened = actions.record_version(upstream, TEXT, ConfigurationVersion.Origin.FOUND)
    with pytest.raises(ChangeRefused, match=f"line {line}: "):
        actions.edited_text(opened, actions.hidden_text(TEXT) + bomb)


def test_aliases_within_reason_are_saved():
    check_replacement(TEXT + "a: &a {k: 1}\nb: [*a, *a]\n", TEXT)
    with pytest.raises(InvalidText, match="names nothing"):
        check_replacement(TEXT + "b: *a\n", TEXT)


def test_versions_and_comparisons_hide_what_an_alias_finds():
    before = TEXT + "x: &k sk-aliased-0001\ny: [*k]\n"
    after = TEXT + "x: &k sk-aliased-0002\nclaude-api-key: [{api-key: *k}]\n"
    assert "sk-aliased" not in actions.hidden_text(after)
    with_key = before.replace("y: [*k]", "y-keys: [*k]")
    lines = [line.text for line in actions.compared(with_key, after)]
    assert "sk-aliased" not in "".join(lines)
    assert len([line for line in lines if line.startswith("x: &k ")]) == 2
