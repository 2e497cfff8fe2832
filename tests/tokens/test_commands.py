from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone

from core import seal
from logs.models import LogEntry
from tests import make
from tokens import services
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    assert err.getvalue() == ""
    return out.getvalue()


def test_the_token_is_all_that_is_printed_and_works():
    make.user("ada")
    token = run("issue_token", "ada", "--scopes", "repo:admin org:admin super:user", "--title", "tour")
    secret = token.removesuffix("\n")
    assert len(secret.split()) == 1
    actor = services.authenticate(secret, kinds=[Kind.OAUTH])
    assert actor.user is not None
    assert actor.credential is not None
    assert actor.user.username == "ada"
    assert actor.scopes == frozenset({"repo:admin", "org:admin", "super:user"})
    assert (actor.credential.title, actor.credential.expires_at) == ("tour", None)
    entry = LogEntry.objects.get(kind="create_oauth_api_token")
    assert (entry.performer_name, entry.metadata["username"]) == ("system", "ada")
    assert secret not in str(entry.metadata)


def test_it_ends_after_the_days_asked_for():
    make.user("ada")
    run("issue_token", "ada", "--scopes", "repo:read", "--days", "7")
    expires_at = Credential.objects.get().expires_at
    assert expires_at is not None
    left = expires_at - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "--scopes", "repo:read"), "Unknown user nobody"),
        (("ada", "--scopes", "repo:fly"), "Unknown scope: repo:fly"),
        (("ada", "--scopes", ""), "at least one scope"),
        (("ada", "--scopes", "repo:read", "--days", "0"), "whole number from 1"),
        (("off", "--scopes", "repo:read"), "off is disabled"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_issued(arguments, words):
    make.user("ada")
    user = make.user("off")
    user.is_active = False
    user.save()
    with pytest.raises(CommandError, match=words):
        run("issue_token", *arguments)
    assert not Credential.objects.exists()


def test_keys_rotate_and_the_old_one_may_go(settings):
    robot = make.robot(make.organization("acme"))
    credential = Credential.objects.get(robot=robot)
    secret = services.reveal(credential)
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.ENCRYPTION_KEYS = [new, old]
    assert run("rotate_keys").endswith("secrets are sealed with the newest key.\n")
    settings.ENCRYPTION_KEYS = [new]
    credential.refresh_from_db()
    assert services.reveal(credential) == secret
    assert LogEntry.objects.get(kind="rotate_keys").performer_name == "system"

    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(seal.Unreadable):
        services.reveal(credential)


def test_an_unknown_key_changes_nothing(settings):
    robot = make.robot(make.organization("acme"))
    sealed = Credential.objects.get(robot=robot).sealed
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="nothing was changed"):
        run("rotate_keys")
    assert Credential.objects.get(robot=robot).sealed == sealed
