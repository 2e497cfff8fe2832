"""Guessing passwords, and names and addresses that look like others."""

import pytest

from accounts import services
from accounts.models import FailedSignIn
from core.errors import BadCredentials, Conflict, Invalid, TooManyRequests
from logs.models import LogEntry
from tests import make

pytestmark = pytest.mark.django_db
WRONG = "wrong-wrong"


@pytest.fixture
def ada():
    return make.user("ada")


def sign_in(name, password=WRONG, ip="192.0.2.1"):
    actor = make.actor(None).at(dialect="test", ip=ip, user_agent="curl")
    return services.sign_in(actor=actor, username=name, password=password)


def guess(times, name="ada", ip="192.0.2.1"):
    for number in range(times):
        with pytest.raises(BadCredentials):
            sign_in(name.format(number), ip=ip.format(number))


SPELLINGS = {
    "ada": ["ADA", "\uff41da", " ada", "ada\u2003", "a\u0064a", "\u24d0da"],
    "ada@example.test": [
        "Ada@Example.test",
        " ada@example.test",
        "ada@example.test\t",
        "\uff41da@example.test",
    ],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_one_name_in_many_spellings_is_guessed_at_ten_times(ada, name):
    guess(10, name)
    for spelling in SPELLINGS[name]:
        with pytest.raises(TooManyRequests):
            sign_in(spelling, make.PASSWORD)


def test_a_name_that_is_slowed_down_does_not_tell_its_address(ada):
    guess(10, "ada")
    for address in ("ada@example.test", "nobody@example.test"):
        with pytest.raises(BadCredentials):
            sign_in(address)


def test_many_names_from_one_address_are_guessed_at_fifty_times(ada):
    guess(50, "name{}")
    with pytest.raises(TooManyRequests):
        sign_in("ada", make.PASSWORD)
    assert sign_in("ada", make.PASSWORD, ip="192.0.2.2") == ada


def test_all_addresses_of_an_ipv6_network_are_one(ada):
    guess(10, ip="2001:db8:1:2::{}")
    with pytest.raises(TooManyRequests):
        sign_in("ada", make.PASSWORD, ip="2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert sign_in("ada", make.PASSWORD, ip="2001:db8:1:3::1") == ada
    # The log has the very address.
    assert LogEntry.objects.filter(kind="login_failure", ip="2001:db8:1:2::7").exists()


def test_without_an_address_guessing_is_slowed_down_too(ada):
    for _ in range(10):
        with pytest.raises(BadCredentials):
            sign_in("ada", ip=None)
    with pytest.raises(TooManyRequests):
        sign_in("ada", make.PASSWORD, ip=None)


def test_signing_in_forgets_ones_own_failures_alone(ada):
    guess(9, "ada")
    guess(9, "bo")
    sign_in("ada", make.PASSWORD)
    assert set(FailedSignIn.objects.values_list("name", flat=True)) == {"bo"}


@pytest.mark.parametrize(
    "address",
    [
        "\u017fam@example.test",  # a long s, whose capital is S
        "sam@example\u212a.test",  # the sign for kelvin
        "sam@exam\u0131ple.test",  # a dotless i
        "\uff53am@example.test",
    ],
)
def test_two_people_never_have_what_a_comparison_takes_for_one_address(address):
    with pytest.raises(Invalid):
        make.user("eve", email=address)
    make.user("eve", email="sam@xn--exmple-cua.test")


@pytest.mark.parametrize("switch", ["SUPERUSERS", "READONLY_SUPERUSERS"])
def test_nobody_signs_up_under_a_name_that_the_instance_gives_rights_to(switch, settings):
    settings.USER_CREATION = True
    setattr(settings, switch, frozenset({"boss"}))
    for name in ("boss", "BOSS", "\uff42oss"):
        with pytest.raises(Conflict):
            services.sign_up(actor=make.actor(None), username=name, password=make.PASSWORD)
    services.sign_up(actor=make.actor(None), username="bosso", password=make.PASSWORD)
    make.user("boss")
