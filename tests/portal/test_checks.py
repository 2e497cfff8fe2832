import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core import checks

from portal.checks import (
    check_checkpoints,
    check_keys,
    check_leases,
    check_log_retention,
    check_production,
    check_secret_files,
    check_sign_in,
    check_slack,
    check_trash,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def production(settings, tmp_path, monkeypatch):
    """Set what a good production has."""
    settings.PRODUCTION = True
    settings.DEBUG = False
    settings.SECRET_KEY = "k" * 50
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    settings.TOKEN_PEPPER = "p" * 50
    settings.PUBLIC_URL = "https://muster.example"
    settings.INSECURE_HTTP = False
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    settings.REDIS_URL = "redis://redis.example:6379/0"
    settings.ALLOWED_HOSTS = ["muster.example", "localhost"]
    settings.SECRET_FILES = {}
    settings.KEY_DIR = tmp_path / "keys"
    return settings


def ids():
    messages = [*check_keys(), *check_secret_files(), *check_production()]
    for message in messages:
        assert message.level == checks.ERROR
        assert message.hint, f"{message.id} says not what to do"
    return [message.id for message in messages]


def test_a_good_production_passes(production):
    assert ids() == []


@pytest.mark.parametrize(
    ("setting", "value", "refusal"),
    [
        ("SECRET_KEY", "", "muster.E001"),
        ("SECRET_KEY", "short", "muster.E002"),
        ("ENCRYPTION_KEYS", [""], "muster.E003"),
        ("TOKEN_PEPPER", "", "muster.E004"),
        ("ENCRYPTION_KEYS", ["not a key"], "muster.E005"),
        ("DEBUG", True, "muster.E011"),
        ("PUBLIC_URL", "http://muster.example", "muster.E012"),
        ("REDIS_URL", "", "muster.E014"),
        ("ALLOWED_HOSTS", ["*"], "muster.E015"),
        ("ALLOWED_HOSTS", [".muster.example"], "muster.E015"),
    ],
)
def test_each_unsafe_setting_is_refused_in_production_alone(production, setting, value, refusal):
    setattr(production, setting, value)
    assert ids() == [refusal]
    production.PRODUCTION = False
    assert ids() == (["muster.E005"] if refusal == "muster.E005" else [])


def test_sqlite_is_refused_in_production(production, monkeypatch):
    monkeypatch.setitem(production.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids() == ["muster.E013"]


def test_clear_text_can_be_asked_for(production):
    production.PUBLIC_URL = "http://muster.lan"
    production.INSECURE_HTTP = True
    assert ids() == []


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o400, False), (0o600, False), (0o440, True), (0o604, True), (0o644, True)]
)
def test_a_secret_that_others_may_read_is_refused(production, tmp_path, mode, refused):
    file = tmp_path / "pepper"
    file.write_text("p" * 50)
    file.chmod(mode)
    production.SECRET_FILES = {"MUSTER_TOKEN_PEPPER_FILE": file}
    assert ids() == (["muster.E010"] if refused else [])


def test_own_keys_that_others_may_read_are_refused(production, tmp_path):
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "secret_key"
    key.write_text("k" * 50)
    key.chmod(0o640)
    assert ids() == ["muster.E010"]


# Really starting -----------------------------------------------------------------------------------------

KEYS = {
    "SECRET_KEY": "k" * 50,
    "MUSTER_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "MUSTER_TOKEN_PEPPER": "p" * 50,
}
GOOD = KEYS | {
    "MUSTER_PRODUCTION": "1",
    "MUSTER_URL": "https://muster.example",
    "DATABASE_URL": "postgres://muster@127.0.0.1:1/muster",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
STARTS = {
    "web": ["-c", "import portal.wsgi"],
    "command": ["manage.py", "load_demo"],
    "worker": ["-m", "celery", "-A", "portal", "worker", "--pool", "solo"],
    "beat": ["-m", "celery", "-A", "portal", "beat", "--pidfile="],
}


def start(what, tmp_path, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *STARTS[what]],
        cwd=ROOT,
        env=kept | {"MUSTER_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.processes
@pytest.mark.parametrize("what", STARTS)
def test_nothing_starts_with_unsafe_settings(what, tmp_path):
    done = start(what, tmp_path, MUSTER_PRODUCTION="1")
    assert done.returncode != 0
    for word in (
        "SECRET_KEY",
        "MUSTER_ENCRYPTION_KEYS",
        "MUSTER_TOKEN_PEPPER",
        "SQLite",
        "REDIS_URL",
        "HINT",
    ):
        assert word in done.stderr, done.stderr
    # Refusing makes no keys.
    assert not (tmp_path / "keys").exists()


@pytest.mark.processes
def test_the_web_starts_with_good_settings(tmp_path):
    (tmp_path / "static").mkdir()
    done = start("web", tmp_path, **GOOD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.processes
def test_a_secret_file_that_is_not_there_is_named(tmp_path):
    done = start("web", tmp_path, **GOOD, SECRET_KEY_FILE="/nowhere/secret")
    assert done.returncode != 0
    assert "SECRET_KEY_FILE: /nowhere/secret cannot be read: No such file or directory" in done.stderr


@pytest.mark.processes
def test_secrets_come_from_files_without_their_line_feed(tmp_path):
    key = tmp_path / "key"
    key.write_text("from-a-file-" + "k" * 40 + "\n")
    key.chmod(0o400)
    script = ["-c", "from django.conf import settings; print(repr(settings.SECRET_KEY))"]
    done = subprocess.run(
        [sys.executable, *script],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "SECRET_KEY_FILE": str(key)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"'from-a-file-{'k' * 40}'\n"


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"AUTHENTICATION": "Database"}, []),
        ({"AUTHENTICATION": "database"}, ["muster.E020"]),
        ({"AUTHENTICATION": "LDAP"}, ["muster.E021"]),
        ({"AUTHENTICATION": "LDAP", "LDAP_URL": "ldaps://x", "LDAP_BASE_DN": "dc=x"}, []),
        ({"AUTHENTICATION": "LDAP", "LDAP_URL": "ldap://x", "LDAP_BASE_DN": "dc=x"}, ["muster.E023"]),
        (
            {
                "AUTHENTICATION": "LDAP",
                "LDAP_URL": "ldap://x",
                "LDAP_BASE_DN": "dc=x",
                "LDAP_START_TLS": True,
            },
            [],
        ),
        ({"AUTHENTICATION": "OIDC"}, ["muster.E022"]),
        ({"OIDC_ISSUER": "https://idp.example"}, ["muster.E022"]),
        ({"OIDC_ISSUER": "https://idp.example", "OIDC_CLIENT_ID": "muster"}, []),
        ({"OIDC_ISSUER": "http://idp.example", "OIDC_CLIENT_ID": "muster"}, ["muster.E023"]),
    ],
)
def test_who_signs_people_in_is_described_and_spoken_to_in_secret(production, values, refusal):
    for name, value in values.items():
        setattr(production, name, value)
    assert [message.id for message in check_sign_in()] == refusal


@pytest.mark.parametrize(
    ("token", "api", "refusals"),
    [
        ("", "ftp://slack.example", []),
        ("xoxb-1-2-three", "https://slack.com/api", []),
        ("xoxp-a-persons", "https://slack.com/api", ["muster.E030"]),
        ("xoxb-1-2-thre\u00e9", "https://slack.com/api", ["muster.E030"]),
        ("xoxb-1-2-three", "http://slack.example/api", ["muster.E031"]),
        ("xoxb-1-2-three", "slack.example", ["muster.E031"]),
    ],
)
def test_a_token_of_slack_that_cannot_be_used(production, token, api, refusals):
    production.SLACK_TOKEN, production.SLACK_API = token, api
    assert [message.id for message in check_slack()] == refusals


@pytest.mark.parametrize(("days", "refusals"), [(0, 0), (30, 0), (3650, 0), (-1, 1), (3651, 1)])
def test_days_in_the_trash_that_cannot_be(settings, days, refusals):
    settings.TRASH_DAYS = days
    assert [message.id for message in check_trash()] == ["muster.E040"] * refusals


@pytest.mark.parametrize(("days", "refusals"), [(0, 0), (30, 0), (3650, 0), (-1, 1), (29, 1)])
def test_days_of_the_log_that_cannot_be(settings, days, refusals):
    settings.LOG_RETENTION_DAYS = days
    assert [message.id for message in check_log_retention()] == ["muster.E041"] * refusals


GOOD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("mails", "url", "secrets", "refusals"),
    [
        ([], "", [], []),
        (["audit@example.com"], "https://audit.example/h", [GOOD_SECRET], []),
        (["audit"], "", [], ["muster.E050"]),
        ([], "http://audit.example/h", [GOOD_SECRET], ["muster.E051"]),
        ([], "https://[", [GOOD_SECRET], ["muster.E051"]),
        ([], "https://audit.example/h", [], ["muster.E052"]),
        ([], "https://audit.example/h", [GOOD_SECRET, "whsec_short"], ["muster.E052"]),
        ([], "https://audit.example/h", [GOOD_SECRET.removeprefix("whsec_")], ["muster.E052"]),
    ],
)
def test_receivers_of_checkpoints(production, mails, url, secrets, refusals):
    production.CHECKPOINT_MAILS, production.CHECKPOINT_URL = mails, url
    production.CHECKPOINT_SECRETS = secrets
    found = check_checkpoints()
    assert [message.id for message in found] == refusals
    assert all(message.hint for message in found)


@pytest.mark.parametrize(
    ("call", "deliveries", "streams", "refused"),
    [
        (10, 60, 60, []),
        (3, 5, 4, []),
        (10, 10, 60, ["NOTIFICATION"]),
        (10, 60, 5, ["STREAM"]),
        (3, 0, -1, ["NOTIFICATION", "STREAM"]),
        (40, 16, 15, ["STREAM"]),  # no call takes longer than 15 s
    ],
)
def test_a_lease_outlasts_a_call(settings, call, deliveries, streams, refused):
    settings.NOTIFICATION_SECONDS = call
    settings.NOTIFICATION_LEASE_SECONDS, settings.STREAM_LEASE_SECONDS = deliveries, streams
    found = check_leases()
    assert [message.id for message in found] == ["muster.E053"] * len(refused)
    for name, message in zip(refused, found, strict=True):
        assert f"MUSTER_{name}_LEASE_SECONDS" in message.msg
