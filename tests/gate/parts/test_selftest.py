"""Mutations: what the self-test holds against them, and that production is safe from them."""

import fnmatch
import os
import subprocess
import sys

import pytest

from tests.gate import selftest_results as results
from tests.gate.judgement import thresholds
from tests.gate.mutations import scripts
from tests.gate.mutations.catalogue import MADE_BY, MUTATIONS
from tests.gate.plan import BRIEF
from tests.gate.selftest_results import NONE, Outcome, complaints
from tests.processes import PROJECT, process_environment


def figures() -> set[str]:
    return {threshold.figure for threshold in thresholds.load()}


def test_a_mutation_must_redden_its_thresholds_and_no_others():
    assert complaints(NONE, set()) == []
    assert complaints(NONE, {"a.b"}) == ["a.b is red without a mutation."]
    assert complaints("no_read_back", {"writes.lost"}) == []
    assert complaints("no_read_back", set()) == ["no_read_back does not turn writes.lost red."]
    assert complaints("no_read_back", {"writes.lost", "ingest.not_exact"}) == [
        "no_read_back turns ingest.not_exact red, which is not its business."
    ]


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_turns_thresholds_red_that_its_scenarios_measure(name: str):
    mutation = MUTATIONS[name]
    assert mutation.turns_red
    assert mutation.turns_red <= figures()
    assert mutation.scenarios <= set(BRIEF.scenarios)
    assert all(fnmatch.filter(figures(), pattern) for pattern in mutation.may_redden)


def test_every_threshold_has_a_mutation_that_turns_it_red():
    red = {figure for mutation in MUTATIONS.values() for figure in mutation.turns_red}
    assert red == figures()


def test_the_report_shows_what_no_mutation_turned_red():
    found = {"orphan": Outcome({"leftovers.processes": "1, at most 0"}, 20.0)}
    shown, is_well = results.report(found)
    assert not is_well
    assert "| `leftovers.processes` | orphan |" in shown
    assert "* writes.lost was red by no mutation." in shown
    assert "leftovers.processes was red by no mutation" not in shown


def test_an_interrupted_run_continues_with_what_this_version_found(tmp_path, monkeypatch):
    path, found = tmp_path / "selftest.json", {NONE: Outcome({}, 200.0)}
    assert results.load(path) == {}
    results.store(path, found)
    assert results.load(path) == found
    monkeypatch.setattr(results, "version", lambda: "another")
    assert results.load(path) == {}
    assert results.load(path, any_version=True) == found


def check(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env={**process_environment(), **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.django_db
def test_production_refuses_a_mutation():
    refused = check(TOLLGATE_MUTATION="fence_ignored")
    assert refused.returncode == 1
    assert "tollgate.E022" in refused.stderr


EACH = """
import os, sys, django
django.setup()
from tests.gate.mutations.catalogue import MUTATIONS
for name, mutation in MUTATIONS.items():
    if (pid := os.fork()) == 0:
        mutation.apply()
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        print(name)
"""


def test_every_mutation_still_finds_what_it_replaces():
    """A mutation of what is no longer there would prove nothing."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", EACH]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_each_mutation_of_a_script_is_registered():
    assert set(scripts.REPLACED) < set(MUTATIONS)
    assert len({module.__name__ for module in MADE_BY}) == len(MADE_BY)


def test_scripts_are_replaced_in_a_folder_of_their_own():
    for name, (script, old, new) in scripts.REPLACED.items():
        (folder,) = scripts.mutated_folder(name)
        text = (folder / script).read_text()
        assert new in text
        assert old not in text
        assert old in (scripts.STATIC / script).read_text()
    assert scripts.mutated_folder("") == []
    assert os.path.isdir(scripts.STATIC)
