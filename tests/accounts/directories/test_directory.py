"""What a real directory is asked, and what it answers, fails to answer and must not be made to answer."""

import pytest

from accounts import directory
from core.errors import Invalid, Unreachable
from tests.accounts.directories.slapd import BASE, PASSWORD, group, person

pytestmark = pytest.mark.processes


def test_the_right_password_opens_and_nothing_else_does(slapd):
    entry = directory.sign_in("ada", PASSWORD)
    assert entry is not None
    assert (entry.login, entry.email, entry.name) == ("ada", "ada@brightwater.example", "Ada")
    assert entry.place == directory.digest(f"UID = ADA, ou=People,{BASE}")
    for login, password in [
        ("ada", "wrong"),
        ("ada", ""),  # by many directories taken for an anonymous bind, which succeeds
        ("ada", "\0"),
        ("ADA ", "x"),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("a*", PASSWORD),
        ("ada)(uid=*", PASSWORD),
        ("ada)(|(uid=*", PASSWORD),
        ("\\61da", PASSWORD),
        ("", PASSWORD),
        ("x" * 100_000, PASSWORD),
        ("ada\0", PASSWORD),
    ]:
        assert directory.sign_in(login, password) is None, login[:40]


def test_two_of_one_name_are_nobody(slapd):
    with slapd.admin() as one:
        one.add(f"ou=more,{BASE}", "organizationalUnit")
        values = {"uid": "ada", "cn": "Ada", "sn": "a", "userPassword": PASSWORD}
        one.add(f"uid=ada,ou=more,{BASE}", "inetOrgPerson", values)
    assert directory.sign_in("ada", PASSWORD) is None


def test_the_filter_says_who_comes_in(slapd, settings):
    settings.LDAP_USER_FILTER = "(&(objectClass=inetOrgPerson)(!(uid=eve)))"
    assert directory.sign_in("ada", PASSWORD)
    assert directory.sign_in("eve", PASSWORD) is None


@pytest.mark.parametrize("way", ["ldaps", "starttls", "clear"])
def test_every_way_of_connecting(slapd, settings, way):
    settings.LDAP_START_TLS = way == "starttls"
    if way == "ldaps":
        settings.LDAP_URL = slapd.tls_url
    assert directory.sign_in("ada", PASSWORD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"LDAP_CA": ""},  # nobody we trust signed it
        {"LDAP_URL": "ldap://127.0.0.1:{port}"},  # the certificate is another name's
        {"LDAP_URL": "ldap://127.0.0.1:9", "LDAP_START_TLS": False},
        {"LDAP_BIND_PASSWORD": "wrong"},
        {"LDAP_BASE_DN": "dc=elsewhere"},
        {"LDAP_BIND_DN": "", "LDAP_BIND_PASSWORD": ""},  # sees nothing: not even that there is nothing
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_an_error_and_no_answer(slapd, settings, wrong):
    for name, value in wrong.items():
        setattr(settings, name, value.format(port=slapd.port) if isinstance(value, str) else value)
    with pytest.raises(Unreachable):
        directory.sign_in("ada", PASSWORD)
    with pytest.raises((Unreachable, directory.GroupGone)):
        directory.places_in_group("cn=ops,ou=groups")


def test_a_directory_that_is_down_is_an_error(slapd):
    slapd.stop()
    with pytest.raises(Unreachable):
        directory.places_in_group("cn=ops,ou=groups")
    with pytest.raises(Unreachable):
        directory.locate(["x"])


def test_people_of_a_group(slapd, settings):
    both = {directory.digest(person(uid)) for uid in ("ada", "bob")}
    assert directory.places_in_group("cn=ops,ou=groups") == both
    assert directory.places_in_group(group("ops").upper()) == both
    settings.LDAP_GROUP_MEMBERS = ["memberOf"]
    assert directory.places_in_group("cn=ops,ou=groups") == both
    for gone in ("cn=nothing,ou=groups", "cn=*,ou=groups", "cn=ops\\29\\28,ou=groups"):
        with pytest.raises(directory.GroupGone):
            directory.places_in_group(gone)
    with pytest.raises(Invalid):
        directory.places_in_group("no name at all")


def test_a_group_whose_people_are_hidden_is_an_error_and_not_empty(slapd):
    with pytest.raises(directory.GroupGone):
        directory.places_in_group("cn=hidden,ou=groups")


def test_long_lists_are_read_page_by_page(slapd, settings, monkeypatch):
    monkeypatch.setattr(directory, "PAGE", 7)
    names = [f"person{number}" for number in range(30)]
    for name in names:
        slapd.add_person(name)
    slapd.add_group("crowd", *names)
    settings.LDAP_GROUP_MEMBERS = ["memberOf"]
    assert len(directory.places_in_group("cn=crowd,ou=groups")) == 30


def test_people_are_found_by_what_stays(slapd):
    ada, bob = directory.sign_in("ada", PASSWORD), directory.sign_in("bob", PASSWORD)
    assert ada
    assert bob
    slapd.rename(person("ada"), "uid=countess")
    slapd.delete(person("bob"))
    slapd.add_person("bob")  # another one of the same name
    found = directory.locate([ada.subject, bob.subject, "*", "nothing"])
    assert found.keys() == {ada.subject}
    assert found[ada.subject].place == directory.digest(person("countess"))
