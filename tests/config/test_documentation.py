"""The documented configuration is the real one."""

import ast
from pathlib import Path

import pytest

from config.documentation import DOCS, END, TABLES, Table
from config.environment import VARIABLES

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.document.name)
def test_what_is_documented_is_what_there_is(table: Table):
    text = table.document.read_text()
    assert text.count(table.begin) == text.count(END) == 1
    assert table.written_into(text) == text, "run `make docs`"


def test_every_variable_is_documented():
    text = (DOCS / "configuration.md").read_text()
    assert all(f"| `{variable.name}` |" in text for variable in VARIABLES)


def test_settings_read_no_variable_that_is_not_in_the_table():
    tree = ast.parse((ROOT / "config/settings.py").read_text())
    read = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and getattr(node.value, "id", "") == "environment"
        and isinstance(node.slice, ast.Constant)
    }
    assert read <= {v.name for v in VARIABLES}
    assert "environ[" not in (ROOT / "config/settings.py").read_text()


def test_every_direct_dependency_has_its_reason_in_the_readme():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    readme = (ROOT / "README.md").read_text().lower()
    for requirement in project["dependencies"]:
        name = requirement.split("[")[0].split(">")[0].split("<")[0]
        assert f"| {name} |" in readme, name
