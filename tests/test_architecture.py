"""The rooms: files that fit a screen or two, and names that explain themselves. Directions of imports are linted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import adapter
import connectors

ROOTS = [Path(package.__path__[0]) for package in (adapter, connectors)]
MOST_LINES = 320
Public = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def files() -> Iterator[Path]:
    """Every source file but what the migration tool writes."""
    for root in ROOTS:
        yield from (path for path in sorted(root.rglob("*.py")) if "migrations" not in path.parts)


def public(body: list[ast.stmt]) -> Iterator[Public]:
    """Functions and classes that others may use, and the methods of those classes; overridden ones are described by their base."""
    for node in body:
        if isinstance(node, Public) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef) and not node.bases:
                yield from public(node.body)


def test_files_are_short() -> None:
    """A file that grows beyond is two."""
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_everything_public_says_what_it_is() -> None:
    """Modules, classes, functions and methods."""
    missing = []
    for path in files():
        module = ast.parse(path.read_text(encoding="utf-8"))
        nodes: list[Public | ast.Module] = [module, *public(module.body)]
        missing += [f"{path}:{getattr(node, 'name', 'module')}" for node in nodes if not ast.get_docstring(node) and module.body]
    assert missing == []


def test_descriptions_of_tables_can_stand_in_a_migration() -> None:
    """They become comments of the database, which the migration tool does not quote."""
    module = ast.parse((ROOTS[0] / "infra" / "models.py").read_text(encoding="utf-8"))
    tables = [node for node in module.body if isinstance(node, ast.ClassDef)]
    described = {table.name: ast.get_docstring(table) or "" for table in tables}
    described |= {
        f"{table.name}.{index}": str(node.value.value)
        for table in tables
        for index, node in enumerate(table.body)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    assert len(described) > 15
    assert {name for name, text in described.items() if {"'", ";"} & set(text)} == set()
