"""Ansible keeps a tenant over the Quay wire: real playbooks against a real server, as collections call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import make

PLAYBOOKS = Path(__file__).parent / "playbooks"


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_a_playbook_creates_finds_and_removes_a_tenant(live_server, settings, tmp_path):
    settings.SUPERUSERS_FULL_ACCESS = True  # as the collection's own tests have it, for quotas
    make.user("mira", superuser=True)
    make.user("tomas")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            PLAYBOOKS / "tenant.yml",
            *("-i", "localhost,"),
            *("-e", f"base={live_server.url} username=mira password={make.PASSWORD}"),
        ],
        env=os.environ
        | {
            "ANSIBLE_HOME": str(tmp_path),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "failed=0" in done.stdout
