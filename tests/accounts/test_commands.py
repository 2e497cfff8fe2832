from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import selectors
from logs.models import LogEntry
from tests import make

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def logged(kind):
    return list(LogEntry.objects.filter(kind=kind).values_list("performer_name", "metadata__username"))


def test_a_superuser_with_a_made_up_password():
    out, err = run("create_superuser", "root", "--email", "root@example.com")
    user = selectors.user(name="root")
    assert user.is_superuser
    assert user.email == "root@example.com"
    assert user.check_password(out.removesuffix("\n"))
    assert err == "root is a superuser now.\n"
    assert logged("user_create") == [("system", "root")]


def test_a_superuser_with_a_password_from_a_file(tmp_path):
    (tmp_path / "password").write_text("correct-horse\n")
    out, _ = run("create_superuser", "root", "--password-file", str(tmp_path / "password"))
    assert out == ""
    assert selectors.user(name="root").check_password("correct-horse")


@pytest.mark.parametrize(
    ("password", "words"), [("short", "at least 8 characters"), ("with white space", "no white space")]
)
def test_a_bad_password_is_refused(tmp_path, password, words):
    (tmp_path / "password").write_text(password)
    with pytest.raises(CommandError, match=words):
        run("create_superuser", "root", "--password-file", str(tmp_path / "password"))


def test_a_missing_password_file_is_named(tmp_path):
    with pytest.raises(CommandError, match="nowhere cannot be read"):
        run("create_superuser", "root", "--password-file", str(tmp_path / "nowhere"))


def test_a_taken_name_is_refused():
    make.user("root")
    with pytest.raises(CommandError, match="already exists"):
        run("create_superuser", "root")


def test_the_flag_is_given_and_taken():
    user = make.user("ada")
    assert run("set_superuser", "ada")[0] == "ada is a superuser now.\n"
    user.refresh_from_db()
    assert user.is_superuser
    assert run("set_superuser", "ada", "--revoke")[0] == "ada is no superuser any more.\n"
    user.refresh_from_db()
    assert not user.is_superuser
    assert logged("user_grant_superuser") == logged("user_revoke_superuser") == [("system", "ada")]


def test_a_new_password_ends_sessions():
    user = make.user("ada")
    session = user.get_session_auth_hash()
    out, err = run("set_password", "ada")
    user.refresh_from_db()
    assert user.check_password(out.removesuffix("\n"))
    assert user.get_session_auth_hash() != session
    assert err == "ada has a new password.\n"
    assert logged("user_change_password") == [("system", "ada")]


@pytest.mark.parametrize("command", ["set_superuser", "set_password"])
def test_an_unknown_person_is_said(command):
    with pytest.raises(CommandError, match="Unknown user nobody"):
        run(command, "nobody")
