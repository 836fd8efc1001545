"""Line ends of the configuration's file: browsers send CRLF for all of them, and the file keeps its
own."""

import re
from collections import Counter, defaultdict, deque

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n)")
_NAMES = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}


def unified(text: str) -> str:
    """The text with LF at the end of every line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def usual_end(text: str) -> str:
    """How most lines of a text end; LF if there is one line only."""
    counted = Counter(end for _, end in _LINE.findall(text))
    return counted.most_common(1)[0][0] if counted else "\n"


def named_ends(text: str) -> str:
    """What people call the line ends of a text, such as `CRLF` or `CRLF and LF`."""
    return " and ".join(sorted({_NAMES[end] for _, end in _LINE.findall(text)}))


def with_ends_of(model: str, text: str) -> str:
    """The text, a line that the model has ending as it does there, any other as most do there."""
    usual, ends = usual_end(model), defaultdict[str, deque[str]](deque)
    for line, end in _LINE.findall(model):
        ends[line].append(end)
    return _LINE.sub(
        lambda match: match[1] + (ends[match[1]].popleft() if ends[match[1]] else usual), text
    )
