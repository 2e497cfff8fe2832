"""The vendor's example runs section by section as it is printed, but for the lines that the page lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from accounts import services as accounts
from core.publicids import nid
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

PAGE = Path(__file__).parents[3].parent / "shared" / "reference" / "cisense-api.txt"
BASH = shutil.which("bash") or "bash"

pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="the vendor's page is not beside the project"),
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is missing"),
]


def preamble(base: str) -> str:
    """Return the page's helper function, with its braces, its address and its last argument put back."""
    text = PAGE.read_text()
    options = text[text.index('curl "$URL" \\') : text.index('echo -e "\\n"')]
    asked = 'echo -e "Requesting $URL\\n"'
    assert asked in text
    return f"""set -e
function curl_ci_backend()
{{
URL="{base}/v3/$1"
shift
{asked}
{options.rstrip().removesuffix(chr(92)).rstrip()} "$@"
echo -e "\\n"
}}
"""


def commands() -> list[str]:
    """Return every call of the page, in its order."""
    return re.findall(r"^curl_ci_backend .*$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.django_db(transaction=True)
def test_every_section_runs(live_server):
    owner, root = make.user("owner"), make.user("root", superuser=True)
    spare, gone = make.user("spare"), make.user("gone")
    acme = make.organization("acme", owner)
    doomed = make.organization("doomed", spare)
    secrets = {
        user.username: tokens.create_token(actor=make.actor(user), kind=Kind.ACCESS, user=user)[1]
        for user in (owner, root)
    }
    values = {
        "user_nid": nid("usr", gone.pk),
        "account_nid": nid("acc", doomed.account_id),
        "project_name": "boot loader",
        "project_contact_user_nid": nid("usr", owner.pk),
        "project_git_url": "https://git.example.test/boot.git",
    }
    found = commands()
    assert len(found) == 16
    ran = []
    for command in found:
        who = "root" if "server/" in command else "owner"
        if command.startswith('curl_ci_backend "accounts/$account_nid" -X DELETE'):
            who = "root"
        done = subprocess.run(
            [BASH, "-c", preamble(live_server.url) + command],
            env={"PATH": os.environ["PATH"], "no_proxy": "*", "ACCESS_TOKEN": secrets[who], **values},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        status = int(re.findall(r"^HTTP/\S+ (\d+)", done.stdout, re.MULTILINE)[-1])
        ran.append(status)
        body = re.search(r"^\{.*\}$", done.stdout, re.MULTILINE)
        told = json.loads(body.group()) if body else {}
        # What a reader would put into the variables of the next section.
        if "accounts/$account_nid" in command and "DELETE" in command:
            values["account_nid"] = nid("acc", acme.account_id)
            values["organization_nid"] = nid("org", acme.pk)
        elif "organization_name" in command:
            # The next section deletes what this one made.
            values["organization_nid"] = told["organization"]["nid"]
        elif command.startswith('curl_ci_backend "organizations/$organization_nid" -X DELETE'):
            values["organization_nid"] = nid("org", acme.pk)
            values["user_nid"] = nid("usr", spare.pk)
        elif "project" in told:
            values["project_nid"] = told["project"]["nid"]
    assert sorted(set(ran)) == [200, 204]
    assert ran.count(204) == 5
    acme.refresh_from_db()
    assert acme.deleted_at is None
    assert accounts.nobody_is_here() is False
