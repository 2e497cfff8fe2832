"""The vendor's script runs as it is printed, but for the base URL and the three lines that the page lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from accounts import services as accounts
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

PAGE = Path(__file__).parents[3].parent / "shared" / "reference" / "codacy-project-tokens.txt"


def script(base: str, token: str) -> str:
    """Return the page's script with what it lost, and its three settings filled in."""
    text = PAGE.read_text()
    text = text[text.index('CODACY_API_TOKEN="') : text.index("\nExample output")]
    text = text.replace('"$GIT_PROVIDER/', f'"{base}/api/v3/organizations/$GIT_PROVIDER/')
    text = re.sub(r"(sleep 2.*\n)", r"\1    done\nelse\n", text, count=1).rstrip() + "\nfi\n"
    for name, value in (("CODACY_API_TOKEN", token), ("GIT_PROVIDER", "gh"), ("ORGANIZATION", "acme-inc")):
        text = re.sub(rf'{name}="<.*?>"', f'{name}="{value}"', text, count=1)
    return text


@pytest.mark.skipif(not PAGE.exists(), reason="the vendor's page is not beside the project")
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is missing")
@pytest.mark.django_db(transaction=True)
def test_the_script_makes_a_token_for_each_repository(live_server):
    owner = make.user("owner")
    acme = make.organization("acme", owner)
    changes = {"provider": "gh", "provider_organization": "acme-inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=changes)
    for name in ("chart", "docs"):
        make.project(acme, name)
    _, secret = tokens.create_token(actor=make.actor(owner), kind=Kind.ACCOUNT, user=owner)
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-c", script(live_server.url, secret)],
        input="y\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
    )
    lines = [line.split(",") for line in done.stdout.splitlines()]
    assert [name for name, _ in lines] == ["chart", "docs"]
    for name, token in lines:
        actor = tokens.authenticate(token, kinds=[Kind.REPOSITORY])
        assert actor.project is not None
        assert actor.project.slug == name
