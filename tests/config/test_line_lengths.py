"""Lines and templates stay short enough to be read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LONGEST_LINE = {"html": 120, "css": 120, "js": 120, "svg": 120}
LONGEST_TEMPLATE = 120


def files(suffix: str) -> list[Path]:
    found = [path for top in ("templates", "static") for path in (ROOT / top).rglob(f"*.{suffix}")]
    assert found
    return found


@pytest.mark.parametrize(("suffix", "longest"), LONGEST_LINE.items())
def test_no_line_is_too_long(suffix, longest):
    too_long = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
        for path in files(suffix)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > longest
    ]
    assert too_long == []


def test_no_template_is_too_long():
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files("html")}
    assert {name: count for name, count in lines.items() if count > LONGEST_TEMPLATE} == {}
