"""Which new passwords are taken."""

import hashlib

import pytest

from accounts import services
from accounts.services.rules import check_password_rule
from core.errors import Invalid
from portal.checks import check_passwords
from tests import make


def digest(password):
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture
def leaked(settings, tmp_path):
    """Name a list of leaked passwords; return them."""
    found = [f"leaked-word-{number}" for number in range(300)]
    lines = sorted(f"{digest(one)}:{number}" for number, one in enumerate(found))
    (tmp_path / "leaked").write_text("\r\n".join(lines) + "\r\n")
    settings.BREACHED_PASSWORDS = str(tmp_path / "leaked")
    return found


@pytest.mark.parametrize("password", ["password", "PassWord1", "qwertyuiop", "12345678", "iloveyou1"])
def test_common_ones_are_refused(password):
    with pytest.raises(Invalid, match="known from leaks"):
        check_password_rule(password)


def test_every_leaked_one_is_found_and_no_other(leaked):
    for password in leaked:
        with pytest.raises(Invalid, match="known from leaks"):
            check_password_rule(password)
    for number in range(300):
        check_password_rule(f"another-word-{number}")


@pytest.mark.parametrize("text", ["", "{}", "{}\n", "{}:7\n"])
def test_short_lists(settings, tmp_path, text):
    (tmp_path / "leaked").write_text(text.format(digest("leaked-word")))
    settings.BREACHED_PASSWORDS = str(tmp_path / "leaked")
    check_password_rule("another-word")
    if text:
        with pytest.raises(Invalid):
            check_password_rule("leaked-word")


def test_the_length_is_the_operators(settings):
    check_password_rule("abcdefg9")
    settings.PASSWORD_MIN = 12
    with pytest.raises(Invalid, match="at least 12 characters"):
        check_password_rule("abcdefg9-hi")


@pytest.mark.django_db
def test_whoever_sets_one(leaked):
    ada = make.user("ada")
    with pytest.raises(Invalid):
        services.change_user(actor=make.SYSTEM, user=ada, password=leaked[0])
    with pytest.raises(Invalid):
        services.change_own_account(actor=make.actor(ada), changes={"password": leaked[1]})
    with pytest.raises(Invalid):
        make.user("bo", password=leaked[2])


@pytest.mark.parametrize("text", ["", "password\nletmein\n", f"{digest('b')}\n{digest('a')}\n", None])
def test_a_list_that_is_none_is_said(settings, tmp_path, text):
    if text is not None:
        lines = [one for one in text.split("\n") if one]
        text = "\n".join(sorted(lines, reverse=True))
        (tmp_path / "leaked").write_text(text)
    settings.BREACHED_PASSWORDS = str(tmp_path / "leaked")
    assert [one.id for one in check_passwords()] == ["muster.E031"]


def test_a_good_list_and_lengths(leaked, settings):
    assert check_passwords() == []
    for length in (7, 129):
        settings.PASSWORD_MIN = length
        assert [one.id for one in check_passwords()] == ["muster.E030"]
