"""A real directory; its tests fail in CI where it is missing, and are skipped aloud elsewhere."""

from __future__ import annotations

import os

import pytest

from tests.accounts.directories import slapd as slapds


@pytest.fixture(scope="session")
def slapd_server(request, tmp_path_factory):
    program = slapds.find_slapd()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("No slapd found; install the packages slapd and ldap-utils")
        terminal = request.config.get_terminal_writer()
        terminal.line("\n*** No slapd found: tests against a real directory are SKIPPED ***", red=True)
        pytest.skip("no slapd found; install the package slapd")
    server = slapds.Slapd(program, tmp_path_factory.mktemp("slapd"))
    yield server
    server.stop()


@pytest.fixture
def slapd(slapd_server, settings):
    """Serve a fresh directory; people sign in by it, and teams may mirror its groups."""
    if slapd_server.process is None:
        slapd_server.start()
    slapd_server.fill()
    settings.AUTHENTICATION = "LDAP"
    settings.TEAM_SYNCING = settings.TEAM_SYNCING_BY_ADMINS = True
    settings.LDAP_URL, settings.LDAP_BASE_DN = slapd_server.url, slapds.BASE
    settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD = slapds.READER, slapds.READER_PASSWORD
    settings.LDAP_CA = str(slapd_server.folder / "authority.pem")
    settings.LDAP_START_TLS, settings.LDAP_SECONDS = True, 3
    return slapd_server
