"""What is recorded in English is recognised and shown in the reader's language."""

import pytest
from django.utils.translation import gettext_noop as _
from django.utils.translation import override

from management_proxy.client.errors import NotReached
from monitoring.texts.recorded import Recorded, in_language

NOT_SENT = "nothing was sent: cannot connect: [Errno 111] Connection refused"


def test_english_stays_as_it_was_recorded():
    assert in_language(NOT_SENT) == NOT_SENT


def test_text_and_the_reason_within_are_translated_and_the_rest_is_not():
    with override("de"):
        assert in_language(NOT_SENT) == (
            "es wurde nichts gesendet: keine Verbindung: [Errno 111] Connection refused"
        )


def test_error_is_translated_by_what_it_states():
    with override("zh-hans"):
        assert in_language(NotReached("cannot connect: timed out")) == "无法连接：timed out"


@pytest.mark.parametrize("text", ["", "reauthorise the account", "Enable", "status"])
def test_any_other_text_stays(text):
    with override("de"):
        assert in_language(text) == text


def test_names_are_no_texts():
    """An account that is called like a text keeps its name."""
    with override("de"):
        shown = in_language("Disable account the upstream was removed")
    assert shown == "Konto the upstream was removed deaktivieren"


def test_text_that_says_more_is_not_taken_for_a_vaguer_one():
    vague, exact = Recorded(_("%(error)s: %(reason)s")), Recorded(_("a very long text: %(reason)s"))
    try:
        first = next(one for one in Recorded.known if one.form.fullmatch("a very long text: x"))
        assert first is exact
    finally:
        for one in (vague, exact):
            Recorded.known.remove(one)


@pytest.mark.parametrize("known", Recorded.known, ids=lambda known: known.message)
def test_every_text_is_recognised_again(known):
    names = known.form.groupindex
    text = known(**{name: f"<{name}>" for name in names})
    first = next(one for one in Recorded.known if one.form.fullmatch(text))
    assert first is known
    assert known.form.fullmatch(text).groupdict() == {name: f"<{name}>" for name in names}
