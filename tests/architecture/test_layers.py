"""The contracts of import-linter cover the whole product; `lint-imports` itself checks the imports."""

from __future__ import annotations

import re

import pytest

from tests.architecture.product import PACKAGES, ROOT, SETTINGS, modules

CONTRACTS = {one["id"]: one for one in SETTINGS["tool"]["importlinter"]["contracts"]}
LAYERS = [
    re.sub(r"[()]", "", part).strip()
    for one in CONTRACTS["layers"]["layers"]
    for part in re.split(r"[|:]", one)
]


def test_every_package_of_the_product_is_looked_at():
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert found == set(PACKAGES)


@pytest.mark.parametrize("name", sorted({".".join(name.split(".")[:2]) for name in modules()}))
def test_every_module_stands_in_a_layer(name):
    package, _, own = name.partition(".")
    if own in ("", "apps"):
        return  # nothing but registration
    assert package in LAYERS or name in LAYERS, "add it to [tool.importlinter], and say why in docs/adr"


def test_every_dialect_is_kept_apart():
    dialects = {f"api.{path.parent.name}" for path in (ROOT / "api").glob("*/urls.py")}
    assert dialects == set(CONTRACTS["dialects"]["modules"])
