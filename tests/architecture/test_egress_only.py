"""Nothing but ``core/egress.py`` makes HTTP calls: no other module imports a client, or a way to connect."""

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
# Ways to a connection below HTTP, or around it: for those named, each for what no URL from outside says.
RAW = {
    "socket",
    "ssl",
    "asyncio",
    "smtplib",
    "ftplib",
    "poplib",
    "imaplib",
    "nntplib",
    "telnetlib",
    "xmlrpc",
    "socketserver",
    "subprocess",
    "ldap3",
    "paramiko",
    "boto3",
    "botocore",
    "dns",
    "grpc",
    "redis",
    "authlib.integrations",
    "requests_oauthlib",
}
NAMED = {
    "core/egress.py": {"socket", "ssl"},  # the door itself
    "core/targets.py": {"socket"},  # its look-up of names
    "accounts/directory.py": {"ssl", "ldap3"},  # the operator's directory, named by the settings
    "core/bell.py": {"redis"},  # the error of the operator's Redis
    "core/throttle.py": {"redis"},
    "jobs/deaf.py": {"redis"},
    "jobs/guard.py": {"socket"},  # the name of this host
    "notifications/channels/mail.py": {"smtplib"},  # the errors of the operator's mail server
    "portal/broker.py": {"socket", "subprocess"},  # our own Redis, on its Unix socket
    "portal/dashboard.py": {"redis"},  # the errors of the broker, whose queues are counted
    "portal/management/commands/serve.py": {"socket", "redis"},  # our own web server, asked whether it is up
    "portal/settings.py": {"boto3"},  # the operator's storage
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


def clients(source, among=frozenset(CLIENTS)):
    return {
        client
        for name in imported(source)
        for client in among
        if name == client or name.startswith(f"{client}.")
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_the_door_imports_an_http_client(path):
    found = clients(path.read_text(encoding="utf-8"))
    assert found == ({"http.client"} if str(path.relative_to(ROOT)) == DOOR else set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_the_named_ones_connects_in_another_way(path):
    found = clients(path.read_text(encoding="utf-8"), among=RAW)
    assert found == NAMED.get(str(path.relative_to(ROOT)), set())


def test_the_named_modules_are_there():
    assert NAMED.keys() <= {str(path.relative_to(ROOT)) for path in MODULES}


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


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("from socket import create_connection", "socket"),
        ("import socket as plain", "socket"),
        ("from asyncio import open_connection", "asyncio"),
        ("from authlib.integrations.requests_client import OAuth2Session", "authlib.integrations"),
        ("from subprocess import run\nrun(['curl'])", "subprocess"),
        ("import xmlrpc.client", "xmlrpc"),
    ],
)
def test_every_other_way_is_seen(source, way):
    assert clients(source, among=RAW) == {way}


def test_what_only_sounds_alike_is_fine():
    assert clients("import socketish\nfrom authlib.oauth2 import x\nimport redistribute", among=RAW) == set()
    assert clients("from urllib.parse import quote\nfrom http import HTTPStatus\nimport requestsish") == set()
