"""Text of people's editors: UTF-8, with or without the byte-order mark that some write."""

import codecs

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class UnreadableText(Exception):
    """The bytes are not UTF-8; the message names the encoding, if it is known, and what to do."""


def decoded_text(content: bytes) -> str:
    """The text without its byte-order mark. Raises UnreadableText."""
    other = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    # Without a mark, UTF-16 shows by its zero bytes, which no text of ours has.
    if other or b"\0" in content[:4]:
        raise UnreadableText(f"it is {other or 'UTF-16'} text; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableText(f"line {line} is not UTF-8 text; save it as UTF-8") from error


def without_mark(content: bytes) -> bytes:
    """The bytes without a byte-order mark of UTF-8, which the upstream's JSON reader refuses."""
    return content.removeprefix(codecs.BOM_UTF8)
