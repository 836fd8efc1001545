"""Mutations: what the self-test holds against them, and that production is safe from them."""

import os
import subprocess
import sys

import pytest

from tests.gate.judgement import thresholds
from tests.gate.mutations import scripts
from tests.gate.mutations.registry import MUTATIONS
from tests.gate.selftest import NONE, complaints
from tests.processes import PROJECT, process_environment


def test_a_mutation_must_redden_its_thresholds_and_no_others():
    assert complaints(NONE, set()) == []
    assert complaints(NONE, {"a.b"}) == ["a.b is red without a mutation."]
    assert complaints("no_read_back", {"writes.lost"}) == []
    assert complaints("no_read_back", set()) == ["no_read_back does not turn writes.lost red."]
    assert complaints("no_read_back", {"writes.lost", "ingest.not_exact"}) == [
        "no_read_back turns ingest.not_exact red, which is not its business."
    ]


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_names_thresholds_that_exist(name: str):
    from fnmatch import fnmatchcase

    figures = [threshold.figure for threshold in thresholds.load()]
    for pattern in MUTATIONS[name].reddens:
        assert any(fnmatchcase(figure, pattern) for figure in figures), pattern


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
from tests.gate.mutations.registry import MUTATIONS
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


def test_scripts_are_replaced_in_a_folder_of_their_own():
    for name, (script, old, new) in scripts.REPLACED.items():
        (folder,) = scripts.mutated_folder(name)
        text = (folder / script).read_text()
        assert new in text
        assert old not in text
        assert old in (scripts.STATIC / script).read_text()
    assert scripts.mutated_folder("") == []
    assert os.path.isdir(scripts.STATIC)
