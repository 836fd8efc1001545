"""The project's own modules and what each imports, read from the sources: nothing is executed."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs import ROOT

APPS = ("config", "management_proxy", "monitoring", "providers", "usage")


def sources(*folders: str) -> Iterator[Path]:
    """Python files below the folders, without migrations."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


def packages(*folders: str) -> list[Path]:
    """The folders with Python files below the folders, and themselves."""
    return sorted({file.parent for file in sources(*folders)})


def module_name(file: Path) -> str:
    """`usage.models` for `usage/models/__init__.py`."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> dict[str, set[str]]:
    """By module, the modules of the project that it imports anywhere, in functions as well; not
    what only a type checker sees."""
    files = {module_name(file): file for file in sources(*APPS)}
    return {name: set(_imported(file, files)) - {name} for name, file in files.items()}


def _imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    for node in _executed(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in inside if name in known)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _executed(child)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Each set of modules that reach one another, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            start = stack.index(node)
            component = stack[start:]
            del stack[start:]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def purpose(package: Path) -> str:
    """The first paragraph of a package's docstring, on one line; empty if there is none."""
    init = package / "__init__.py"
    docstring = ast.get_docstring(ast.parse(init.read_text())) if init.exists() else None
    return " ".join((docstring or "").split("\n\n")[0].split())


def described_packages() -> list[Path]:
    """The packages that a reader looks for something in: all but what Django demands."""
    demanded = {"management", "commands", "templatetags"}
    return [
        package
        for package in packages(*APPS)
        if not demanded & set(package.relative_to(ROOT).parts)
    ]
