"""Text as people's editors write it."""

import codecs

import pytest

from management_proxy.uploaded_text import UnreadableText, decoded_text


@pytest.mark.parametrize("text", ["", "a: ü\r\n", "\ufeffinner"])
def test_a_byte_order_mark_is_no_part_of_the_text(text):
    assert decoded_text(codecs.BOM_UTF8 + text.encode()) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named_with_the_way_out(encoding):
    with pytest.raises(UnreadableText, match=r"UTF-(16|32) text; save it as UTF-8"):
        decoded_text("{}\n".encode(encoding))


def test_a_byte_that_is_no_utf_8_is_reported_with_its_line():
    with pytest.raises(UnreadableText, match="line 3 is not UTF-8"):
        decoded_text("a\nb\nü".encode("latin-1"))
