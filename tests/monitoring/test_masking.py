"""Secrets are masked by look, by name and where they are known; what tells of none stays."""

import time

import pytest

from monitoring.masking import last4, last_four, masked, masked_text, without_secrets
from tests.secret_looks import NO_SECRETS, SECRETS_IN_TEXT


@pytest.mark.parametrize(("secret", "text"), SECRETS_IN_TEXT)
def test_secret_is_masked_by_its_form(secret, text):
    for shown in (without_secrets(text), masked_text(text), str(masked({"note": [text]}))):
        assert secret not in shown
        assert secret[-6:] not in shown


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_stays(text):
    assert without_secrets(text) == masked_text(text) == masked(text) == text


def test_known_secret_is_masked_whatever_it_looks_like(settings):
    settings.MANAGEMENT_API_KEY = "our own key"
    shown = without_secrets("saw plain word and our own key", "plain word")
    assert shown == "saw [masked] and [masked]"


def test_mask_may_show_what_may_be_seen():
    text = "GET /?value=sk-client-secret-1 by http://averylonguser:averylongpassword@host"
    assert without_secrets(text, mask=last4) == "GET /?value=…et-1 by http://…@host"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("", ""), ("short", ""), ("x" * 15, ""), ("x" * 12 + "1234", "1234"), ("sk-" * 9, "sk-")],
)
def test_last_four_are_shown_of_sixteen_and_more(secret, shown):
    assert last_four(secret) == (secret[-4:] if shown else "")
    assert last4(secret) == f"…{last_four(secret)}"


@pytest.mark.parametrize(
    "hostile",
    ["&" + "key" * 100_000, "sk-" * 100_000, "eyJ" * 100_000, "://" * 100_000, "Bearer " * 50_000],
)
def test_no_text_makes_masking_slow(hostile):
    started = time.process_time()
    without_secrets(hostile + "@")
    assert time.process_time() - started < 2
