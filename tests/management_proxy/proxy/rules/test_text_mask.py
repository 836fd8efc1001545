"""Texts without their secrets, wherever the pieces are cut."""

import random

import pytest

from management_proxy.proxy.rules.text_mask import LEFT_OUT, LONGEST_RUN, TextMask
from monitoring.masking import last4, without_secrets
from tests.secret_looks import NO_SECRETS, SECRETS_IN_TEXT

ROUNDS = 40


def passed(*pieces: bytes) -> bytes:
    mask = TextMask()
    return b"".join([*(mask.feed(piece) for piece in pieces), mask.finish()])


def cut(text: bytes, seed: int) -> list[bytes]:
    places = sorted(random.Random(seed).choices(range(len(text) + 1), k=12))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_pieces_make_no_difference(seed):
    texts = [text for _, text in SECRETS_IN_TEXT] + list(NO_SECRETS)
    random.Random(seed).shuffle(texts)
    text = "\n".join(
        f'{{"line": "{one}", "Authorization": "Bearer {seed}abcdef"}}' for one in texts
    )
    assert passed(*cut(text.encode(), seed)).decode() == without_secrets(text, mask=last4)


def test_single_bytes_and_what_is_no_utf_8_pass():
    text = b'"Bearer  secret-value" \xff\xfe "ok" sk-0123456789abcdef\n'
    mask = "\N{HORIZONTAL ELLIPSIS}".encode()
    after = b'"Bearer  ' + mask + b'" \xff\xfe "ok" ' + mask + b"cdef\n"
    assert passed(*(bytes([byte]) for byte in text)) == after


def test_endless_run_is_left_out_and_what_follows_passes():
    run = b"A" * (LONGEST_RUN + 10)
    pieces = [b'{"image": "', run, b"sk-0123456789", b"abcdef", b'", "text": "hello"}']
    assert passed(*pieces).decode() == '{"image": ' + LEFT_OUT + '", "text": "hello"}'


def test_endless_run_at_the_end_is_stated():
    assert passed(b"x ", b"A" * (LONGEST_RUN + 10)).decode() == "x" + LEFT_OUT
