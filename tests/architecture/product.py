"""The product's own source, parsed: what the architecture tests look at."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = SETTINGS["tool"]["importlinter"]["root_packages"]
DOMAIN = (
    "accounts",
    "projects",
    "permissions",
    "tokens",
    "quotas",
    "logs",
    "notifications",
    "trash",
    "jobs",
    "runs",
    "streams",
)
Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Module:
    """One file: its dotted name and its source, parsed once and only if somebody asks."""

    name: str
    path: Path
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The module-level functions by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The module-level functions and classes by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, Definition)}

    @cached_property
    def exported(self) -> set[str]:
        """What ``__all__`` names, if the module has one."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                return set(ast.literal_eval(node.value))
        return set()

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name means here: ``{"names": "accounts.services.names"}``."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found


@cache
def modules() -> dict[str, Module]:
    """Return every module of the product but migrations, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path, path.read_text(encoding="utf-8"))
    return found


@cache
def calls(node: ast.AST) -> frozenset[str]:
    """Return what is called within a node, as written: ``require``, ``names.take``."""
    return frozenset(ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call))


@cache
def mentioned(node: ast.AST) -> frozenset[str]:
    """Return every name read within a node, plain or as an attribute; imports do not count."""
    nodes = list(ast.walk(node))
    names = {one.id for one in nodes if isinstance(one, ast.Name)}
    return frozenset(names | {one.attr for one in nodes if isinstance(one, ast.Attribute)})
