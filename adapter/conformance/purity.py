"""What a connector's code may import and call, read from its source: so that it stays a function of its input."""

import ast
from collections.abc import Iterator
from pathlib import Path

FORBIDDEN_MODULES = frozenset({
    "aiofiles", "aiohttp", "aiosmtplib", "asyncio", "asyncpg", "ftplib", "http", "httpx", "io", "logging", "multiprocessing",
    "orjson", "os", "pathlib", "pickle", "playwright", "procrastinate", "psycopg", "random", "requests", "secrets", "shutil",
    "signal", "smtplib", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys", "tempfile", "threading", "time",
    "tortoise", "urllib.request", "uuid_utils",
})  # fmt: skip
"""Input and output, clocks, randomness. `orjson` is here because it reads numbers as floats."""

ADAPTER_MODULES = ("adapter.connector", "adapter.signature", "adapter.domain", "adapter.errors")
"""What of this product a connector stands on."""

FORBIDDEN_CALLS = frozenset({
    "breakpoint", "eval", "exec", "float", "input", "open", "print", "date.today", "datetime.now", "datetime.today", "datetime.utcnow",
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "json.loads",
    "uuid1", "uuid4", "uuid.uuid1", "uuid.uuid4",
})  # fmt: skip
"""Clocks, files and consoles; and `float` and `json.loads`, through which an amount would lose digits."""


def impurities(folder: Path, package: str) -> list[str]:
    """`file:line: what` for every forbidden import or call in the Python files of a connector's package."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        relative = file.relative_to(folder)
        if relative.parts[0] != "fixtures":
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
            found += [f"{relative}:{line}: {what}" for line, what in (*_imports(tree, package), *_calls(tree))]
    return found


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    siblings = package.rpartition(".")[0]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif node.level > 1:
            yield node.lineno, "imports from outside its own package"
        for name in names:
            if any(_within(name, module) for module in FORBIDDEN_MODULES):
                yield node.lineno, f"imports {name}"
            elif _within(name, "adapter") and not any(_within(name, module) for module in ADAPTER_MODULES):
                yield node.lineno, f"imports {name}; a connector stands on {', '.join(ADAPTER_MODULES)}"
            elif siblings == "connectors" and _within(name, siblings) and not _within(name, package):
                yield node.lineno, f"imports {name}, another connector"


def _calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS:
                yield node.lineno, f"calls {called}"


def _within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")
