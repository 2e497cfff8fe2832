"""A real directory, and a real identity provider.

Where there is no slapd its tests are skipped aloud; in CI they fail.
"""

from __future__ import annotations

import os

import pytest

from accounts import provider
from tests.accounts.directories import idp as idps
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


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory):
    running = idps.Provider(tmp_path_factory.mktemp("idp"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def idp(provider_process, settings, monkeypatch):
    """Let a real OpenID Connect provider sign people in; teams may mirror its groups."""
    if provider_process.process is None:
        provider_process.start()
    provider_process.control(forget=True)
    monkeypatch.setattr(provider, "_shelf", provider._Shelf())
    settings.AUTHENTICATION = "OIDC"
    settings.TEAM_SYNCING = settings.TEAM_SYNCING_BY_ADMINS = True
    settings.OIDC_ISSUER = provider_process.issuer
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = idps.CLIENT_ID, idps.CLIENT_SECRET
    settings.EGRESS_ALLOW = [f"127.0.0.1:{provider_process.port}"]
    return provider_process
