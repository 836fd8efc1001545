"""Catalogues of translations: found, compiled, complete."""

import gettext
import os
from pathlib import Path

import pytest
from django.test import override_settings

from config.languages import available
from monitoring.checks import check_languages

CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Key"
msgstr "{}"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE.format("Schlüssel"))
    return path


def translation(folder: Path) -> str:
    return gettext.translation("django", folder, ["de"]).gettext("Key")


def test_a_language_is_a_catalogue(source: Path, tmp_path: Path):
    assert available(tmp_path) == [("en", "English"), ("de", "Deutsch")]
    assert translation(tmp_path) == "Schlüssel"


def test_a_script_is_part_of_a_language(source: Path, tmp_path: Path):
    source.parent.parent.rename(tmp_path / "zh_Hans")
    assert available(tmp_path) == [("en", "English"), ("zh-hans", "简体中文")]


def test_what_changed_is_compiled_again(source: Path, tmp_path: Path):
    available(tmp_path)
    source.write_text(CATALOGUE.format("Taste"))
    os.utime(source, ns=(1, 1))  # an older version that was put back
    available(tmp_path)
    gettext._translations.clear()  # what this process has read
    assert translation(tmp_path) == "Taste"


def test_what_did_not_change_is_left_alone(source: Path, tmp_path: Path):
    available(tmp_path)
    before = source.with_suffix(".mo").stat().st_ino
    available(tmp_path)
    assert source.with_suffix(".mo").stat().st_ino == before
    assert [path.name for path in source.parent.iterdir()].count("django.mo") == 1


def test_a_catalogue_that_cannot_be_compiled_is_reported(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError))
    languages = available(tmp_path)
    assert languages == [("en", "English")]
    with override_settings(LANGUAGES=languages, LOCALE_PATHS=[tmp_path]):
        assert [found.id for found in check_languages(None)] == ["tollgate.W021"]


@override_settings(DEFAULT_LANGUAGE="tlh")
def test_an_unknown_default_language_is_refused():
    assert [found.id for found in check_languages(None)] == ["tollgate.E021"]
