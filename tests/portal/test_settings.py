"""docs/settings.md names every switch that the settings read, once, and no other."""

import ast
import re

import pytest

from tests.architecture.product import ROOT, modules

SWITCH = re.compile(r"^\| `([A-Z0-9_]+)`( \*file\*)? \|", re.MULTILINE)
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def read():
    """Return what the settings read: ``{name: whether it may come from a file}``."""
    found: dict[str, bool] = {}
    for node in ast.walk(modules()["portal.settings"].tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = ast.unparse(node.func)
            if function == "_text" or re.fullmatch(r"env\.\w+", function):
                found[str(node.args[0].value)] = function == "_text"
    return found


def test_every_switch_is_named_once_and_no_other():
    named = [name for name, _ in SWITCH.findall(PAGE)]
    assert sorted(named) == sorted(read())


def test_the_page_says_which_may_come_from_a_file():
    assert {name: bool(file) for name, file in SWITCH.findall(PAGE)} == read()


@pytest.mark.parametrize("name", sorted(modules()))
def test_nothing_but_the_settings_reads_switches(name):
    if name in ("portal.settings", "portal.celery", "portal.wsgi"):
        return
    reading = {"os.environ", "os.getenv", "os.environ.get", "environ.Env"}
    found = {ast.unparse(node) for node in ast.walk(modules()[name].tree) if isinstance(node, ast.Attribute)}
    assert not found & reading


def test_pages_name_only_switches_that_there_are():
    """A page that tells of a switch which is gone misleads."""
    known = read()
    told = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        told |= set(re.findall(r"\bMUSTER_[A-Z0-9_]+", page.read_text(encoding="utf-8")))
    unknown = {name for name in told if name.removesuffix("_FILE") not in known}
    assert unknown == set()
