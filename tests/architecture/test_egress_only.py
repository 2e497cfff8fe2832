"""Nothing but ``core/egress.py`` makes HTTP calls: no other module imports a client."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOOR = "core/egress.py"
CLIENTS = {
    "http.client",
    "urllib.request",
    "requests",
    "httpx",
    "urllib3",
    "aiohttp",
    "httplib2",
    "pycurl",
    "niquests",
    "websocket",
    "websockets",
}
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(source):
    """Yield every dotted name that a module imports, also by name at run time."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__", "import_string"):
                yield str(node.args[0].value)


def clients(source):
    return {
        client
        for name in imported(source)
        for client in CLIENTS
        if name == client or name.startswith(f"{client}.")
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_the_door_imports_an_http_client(path):
    found = clients(path.read_text(encoding="utf-8"))
    assert found == ({"http.client"} if str(path.relative_to(ROOT)) == DOOR else set())


def test_the_walk_sees_the_whole_product():
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.parametrize(
    ("source", "client"),
    [
        ("import requests", "requests"),
        ("import requests.adapters as plain", "requests"),
        ("from requests import get", "requests"),
        ("from urllib import request", "urllib.request"),
        ("import urllib.request", "urllib.request"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("from http import client", "http.client"),
        ("def late():\n    import httpx", "httpx"),
        ("if True:\n    from aiohttp import ClientSession", "aiohttp"),
        ("import importlib\nimportlib.import_module('urllib3')", "urllib3"),
        ("__import__('http.client')", "http.client"),
    ],
)
def test_every_spelling_of_an_import_is_seen(source, client):
    assert clients(source) == {client}


def test_what_only_sounds_alike_is_fine():
    assert clients("from urllib.parse import quote\nfrom http import HTTPStatus\nimport requestsish") == set()
