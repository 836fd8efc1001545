"""What a stack in development notices of its sources."""

import os
from pathlib import Path

import pytest

from config.stack import sources
from config.stack.sources import Sources


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "INTERVAL_SECONDS", 0)
    (tmp_path / "usage").mkdir()
    (tmp_path / "usage" / "kept.py").write_text("")
    return tmp_path


def test_nothing_changed(project: Path):
    assert Sources(project).changed() == ""


@pytest.mark.parametrize("name", ["new.py", "new.html"])
def test_an_added_file_is_reported_once(project: Path, name: str):
    watched = Sources(project)
    (project / "usage" / name).write_text("")
    assert watched.changed() == f"usage/{name}"
    assert watched.changed() == ""


def test_a_translated_catalogue_is_reported(project: Path):
    folder = project / "locale" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    watched = Sources(project)
    (folder / "django.po").write_text("")
    assert watched.changed() == "locale/de/LC_MESSAGES/django.po"


def test_a_written_and_a_removed_file_are_reported(project: Path):
    watched = Sources(project)
    file = project / "usage" / "kept.py"
    os.utime(file, ns=(1, 1))
    assert watched.changed() == "usage/kept.py"
    file.unlink()
    assert watched.changed() == "usage/kept.py"


def test_styles_and_other_folders_are_no_matter_of_it(project: Path):
    watched = Sources(project)
    (project / "usage" / "page.css").write_text("")
    (project / "var").mkdir()
    (project / "var" / "some.py").write_text("")
    assert watched.changed() == ""


def test_the_sources_are_not_scanned_all_the_time(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "INTERVAL_SECONDS", 60)
    watched = Sources(project)
    (project / "usage" / "new.py").write_text("")
    assert watched.changed() == ""
