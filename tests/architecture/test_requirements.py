"""The pinned requirements belong together, and only pinned and hashed ones are installed."""

import re

import pytest

from tests.architecture.product import ROOT

FILES = ("requirements", "requirements-s3", "requirements-dev")


def pins(name):
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.\[\],-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", FILES[1:])
def test_whatever_runs_is_tested_in_the_same_version(name):
    assert pins("requirements").items() <= pins(name).items(), "run: make lock"


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_its_hashes(name):
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[\w])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) >= len(pins(name)) > 40  # some are pinned twice, for different platforms
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("name", FILES)
def test_what_is_asked_for_is_pinned(name):
    wanted = re.findall(r"^([A-Za-z][\w.-]*)", (ROOT / f"{name}.in").read_text(), re.MULTILINE)
    pinned = {re.sub(r"\[.*", "", one).lower().replace("_", "-") for one in pins(name)}
    assert {one.lower().replace("_", "-") for one in wanted} <= pinned, "run: make lock"
