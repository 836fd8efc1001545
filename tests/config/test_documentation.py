"""The documented configuration is the real one."""

import ast
from pathlib import Path

import pytest

from config.environment import VARIABLES

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("document", ["README.md", "docs/configuration.md"])
def test_every_variable_is_documented_as_it_is(document):
    text = (ROOT / document).read_text()
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("| `") and "` | " in line and line.split("`")[1].isupper()
    ]
    assert rows == [f"| `{v.name}` | {v.shown_default} | {v.meaning} |" for v in VARIABLES]


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
