"""The house rules that a reader relies on: small rooms, each with a sign, and no way in circles."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.docs import ROOT
from tests.docs.modules import (
    APPS,
    cycles,
    described_packages,
    imports,
    packages,
    purpose,
    sources,
)

MOST_MODULES = 16
LONGEST_FUNCTION, USUAL_FUNCTION, MEDIAN_FUNCTION = 45, 30, 9
LONGEST_FILE = 300


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def percentile_95(values: list[int]) -> int:
    return sorted(values)[int(0.95 * len(values))]


def functions(*folders: str) -> Iterator[tuple[str, int]]:
    """Every function with its lines."""
    for file in sources(*folders):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{relative(file)}:{node.name}", node.end_lineno - node.lineno + 1


def test_every_package_has_a_line_that_says_what_it_is_for():
    assert [relative(p) for p in described_packages() if not purpose(p)] == []


def test_no_folder_has_too_many_modules():
    crowded = {
        relative(package): count
        for package in packages(*APPS, "tests")
        if (count := len([f for f in package.glob("*.py") if f.name != "__init__.py"]))
        > MOST_MODULES
    }
    assert crowded == {}


def test_tests_mirror_the_packages():
    strangers = [
        relative(folder)
        for app in APPS
        for folder in packages(f"tests/{app}")
        if not (ROOT / folder.relative_to(ROOT / "tests")).is_dir()
    ]
    assert strangers == []


def test_no_imports_run_in_a_circle_not_even_within_functions():
    assert cycles(imports()) == []


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert cycles(graph) == [["b", "c"]]


def test_functions_are_short():
    lengths = dict(functions(*APPS))
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}
    assert percentile_95(list(lengths.values())) <= USUAL_FUNCTION
    assert statistics.median(lengths.values()) <= MEDIAN_FUNCTION


def test_functions_of_tests_are_mostly_short():
    assert percentile_95([lines for _, lines in functions("tests")]) <= USUAL_FUNCTION


def test_files_are_short():
    lengths = {relative(file): len(file.read_text().splitlines()) for file in sources(*APPS)}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}
