"""Messages from anywhere that are made in English are recognised and shown in the reader's
language."""

import pytest
from django.utils.translation import gettext, override

from monitoring.texts.messages import in_english, message_in_language

TOO_LARGE = "The file is larger than 1024 KiB; an account's file has a few."


def test_messages_are_made_in_english_by_a_request_in_german():
    with override("de"):
        with in_english():
            assert gettext("It is revoked.") == "It is revoked."
        assert gettext("It is revoked.") != "It is revoked."


@pytest.mark.parametrize("language", ["de", "zh-hans"])
@pytest.mark.parametrize(
    ("text", "message", "values"),
    [
        ("It is revoked.", "It is revoked.", {}),
        (
            TOO_LARGE,
            "The file is larger than %(size)s KiB; an account's file has a few.",
            {"size": 1024},
        ),
        ("now of ada", "now of %(owner)s", {"owner": "ada"}),
        ("now 5", "now %(value)s", {"value": 5}),
    ],
)
def test_message_is_shown_in_the_language_of_the_reader(text, message, values, language):
    assert message_in_language(text) == text
    with override(language):
        expected = gettext(message) % values
        assert message_in_language(text) == expected != text


@pytest.mark.parametrize("text", ["", "%", "ada's own words", "5 of 6"])
def test_any_other_text_stays(text):
    with override("de"):
        assert message_in_language(text) == text
