"""Every text of a page is in every language: marked in the sources, and translated in each
catalogue."""

import os
import re
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from django.utils.functional import Promise

from config.environment import VARIABLES
from config.languages import sources
from monitoring.alerts.default_rules import default_rules
from monitoring.alerts.signals import signals
from monitoring.logs.kinds import COMMON_FIELDS, kinds
from monitoring.periodic import tasks
from monitoring.web.navigation import groups
from tests.bare_text import bare_texts
from tests.languages import (
    HAS_GETTEXT,
    ROOT,
    SPOKEN,
    catalogue,
    extract,
    forms,
    identity,
    untranslated,
)

CATALOGUES = sources(ROOT / "locale")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|(?<=\{)\w+(?=\})|<[^>]+>")


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parent.parent.name)
def found(request) -> Catalog:
    return catalogue(request.param)


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every text that has translations."""
    return {identity(message)[1] for message in catalogue(CATALOGUES[0])}


@pytest.mark.parametrize(
    ("template", "bare"),
    [
        ("<p>Bare</p>", ["Bare"]),
        ("<p>{% translate 'Marked' %} {{ name }} · p95</p>", []),
        ("{% blocktranslate %}A <b>sentence</b>{% endblocktranslate %}", []),
        ('<a title="Bare">✓</a>', ["Bare"]),
        ('<a title="{% translate \'Marked\' %}" href="/x">✓</a>', []),
        ('<a {% if x %}title="{{ y }} bare"{% endif %}>–</a>', ["{{ y }} bare"]),
        ("{{ x|default:'bare' }}{{ x|default:_('marked') }}{{ x|yesno:'false,true' }}", ["bare"]),
        ("{# A comment. #}<script>const text = 'code';</script>", []),
    ],
)
def test_bare_texts_are_found(template: str, bare: list[str]):
    assert list(bare_texts(template)) == bare


def test_no_template_has_bare_text():
    bare = {
        str(path.relative_to(ROOT)): texts
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if (texts := list(bare_texts(path.read_text())))
    }
    assert bare == {}


def test_nothing_is_untranslated_or_guessed(found: Catalog):
    assert [identity(message)[1] for message in untranslated(found)] == []


def test_translations_keep_placeholders_and_elements(found: Catalog):
    def differs(message: Message) -> bool:
        ids = [message.id] if isinstance(message.id, str) else message.id
        allowed = [set(PLACEHOLDER.findall(text)) for text in ids]
        return any(set(PLACEHOLDER.findall(form)) not in allowed for form in forms(message))

    assert [message.id for message in found if message.id and differs(message)] == []


def test_plurals_have_the_forms_of_the_language(found: Catalog):
    wrong = [
        message.id
        for message in found
        if message.pluralizable and len(forms(message)) != found.num_plurals
    ]
    assert wrong == []


@pytest.mark.skipif(
    not HAS_GETTEXT and not os.environ.get("TOLLGATE_REQUIRE_GETTEXT"),
    reason="NO GETTEXT: install GNU gettext to run this",
)
def test_catalogues_hold_what_the_sources_say(tmp_path: Path):
    for name in SPOKEN:
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "locale", tmp_path / "locale")
    extract(tmp_path)
    for path in CATALOGUES:
        fresh = catalogue(tmp_path / path.relative_to(ROOT))
        assert set(map(identity, fresh)) == set(map(identity, catalogue(path))), "make messages"


def test_what_apps_register_has_translations(known: set[str]):
    # A form of the navigation is in the active language, which is English here.
    labels = [
        *(group.label for group in groups(is_staff=True)),
        *(entry.label for group in groups(is_staff=True) for entry in group.entries),
        *(text for task in tasks() for text in (task.description, task.why, task.fix)),
        *(text for signal in signals() for text in (signal.label, signal.fix)),
        *(one.label for signal in signals() for one in signal.filters),
        *(rule.name for rule in default_rules()),
        *(variable.meaning for variable in VARIABLES),
        *(meaning for kind in kinds() for meaning in kind.fields.values()),
        *COMMON_FIELDS.values(),
    ]
    assert [str(text) for text in labels if text and not isinstance(text, Promise)] != []
    assert sorted({str(text) for text in labels if text} - known) == []
