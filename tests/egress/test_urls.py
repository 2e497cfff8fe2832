"""Hostile URLs and hostile name servers, against all that is told a URL or calls one."""

import re
import threading
import time

import pytest

from accounts import services as accounts
from core.errors import DomainError
from projects import services as projects
from tests import make
from tests.architecture.test_egress_only import MODULES as PRODUCT
from tests.architecture.test_egress_only import ROOT, imported
from tests.core.hostile import ANSWERS, URLS
from tests.core.sockets import NAME, PUBLIC
from tests.egress.sinks import CALLS, CHANGES, FLAT, LIMIT, MODULES, REGISTERS, storable
from tokens import services as tokens

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

NOT_THERE = "The host is not known, or may not be called."
# What would tell of our network, or of our insides.
TELLING = re.compile(
    r"\d+\.\d+\.\d+|\d{4,}|::|/|[Ee]rrno|Error|Exception|localhost|refused|gaierror|<|\bNone\b"
)


def filled(tripwires):
    assert len(URLS) > 80
    return [url.replace("{port}", str(tripwires.port)).replace("{path}", tripwires.path) for url in URLS]


def quiet(words):
    """Tell whether there is something said, and nothing of where a name leads or what went wrong inside."""
    for ours in ("http:// or https://", "syslog+tls://", "2048 characters"):
        words = words.replace(ours, "")
    return bool(words) and TELLING.search(words) is None


def test_every_user_of_the_door_has_its_sinks():
    """Whoever imports ``core.egress`` is in the table; what is in the table does."""
    users = {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        if {name for name in imported(path.read_text(encoding="utf-8")) if name.startswith("core.egress")}
    }
    own = {name for name in users if name.startswith("core/")}
    assert users - own == set(MODULES)
    assert {call.__name__ for calls in MODULES.values() for call in calls} == {*REGISTERS, *CALLS}


@pytest.mark.parametrize("sink", REGISTERS)
def test_no_hostile_url_is_taken(sink, world, tripwires):
    said: dict[str, str] = {}
    bad = []
    for url in filled(tripwires):
        error = REGISTERS[sink](world, url)
        said.setdefault(str(error), url)
        if not (quiet(str(error)) and error.field):
            bad.append((url, str(error)))
    assert bad == []
    assert 5 < len(said) < 15  # what is wrong with a URL is told, in a few sentences
    assert (world.outside.asked, world.outside.dialled) == ([], [])
    assert not tripwires.touched


@pytest.mark.parametrize("sink", CALLS)
def test_no_hostile_url_is_called(sink, world, tripwires):
    bad = []
    for url in filled(tripwires):
        # Over TLS the addresses are the same ones, and the time is dear.
        if not url.startswith("https:") and storable(CALLS[sink], url):
            outcome = CALLS[sink](world, url)
            if outcome.good or outcome.shown or not quiet(outcome.words):
                bad.append((url, outcome))
    assert bad == []
    assert (world.outside.asked, world.dialled()) == ([], [])
    assert not tripwires.touched


@pytest.mark.parametrize("sink", REGISTERS)
def test_no_name_is_taken_that_leads_inside(sink, world, tripwires):
    if sink == FLAT:  # it is judged when it is called
        world.subscribe("webhook", f"http://{NAME}:{tripwires.port}/", flat=True)
        assert world.outside.asked == []
        return
    for answer in ANSWERS:
        world.outside.answers[NAME] = answer
        error = REGISTERS[sink](world, f"http://{NAME}:{tripwires.port}/")
        assert str(error) == NOT_THERE
    assert world.outside.asked == [NAME] * len(ANSWERS)
    assert world.outside.dialled == []
    assert not tripwires.touched


@pytest.mark.parametrize("sink", CALLS)
def test_no_name_is_called_that_leads_inside(sink, world, tripwires):
    words = set()
    for answer in ANSWERS:
        world.outside.answers[NAME] = answer
        outcome = CALLS[sink](world, f"http://{NAME}:{tripwires.port}/")
        assert not outcome.good
        words.add((outcome.words, outcome.final))
    # From outside nobody can tell one inner address from another.
    assert len(words) == 1
    assert quiet(words.pop()[0])
    assert world.outside.asked == [NAME] * len(ANSWERS)
    assert world.dialled() == []
    assert not tripwires.touched


FLIPS = {
    "to loopback": ["127.0.0.1"],
    "to IPv6 loopback": ["::1"],
    "to metadata": ["169.254.169.254"],
    "to a private address": ["10.1.2.3"],
    "to both": [PUBLIC, "127.0.0.1"],
    "to mapped loopback": ["::ffff:127.0.0.1"],
    "to NAT64 loopback": ["64:ff9b::7f00:1"],
    "to 6to4 loopback": ["2002:7f00:1::"],
    "to a link": ["fe80::1%eth0"],
    "to nothing": [],
}


@pytest.mark.parametrize("sink", CALLS)
def test_name_that_flips_is_called_where_it_was_checked(sink, world, tripwires):
    """A name server that is good once: a call asks once, and dials what it was told then."""
    for flip in FLIPS.values():
        answers = iter([[PUBLIC]])
        world.outside.answers[NAME] = lambda answers=answers, flip=flip: next(answers, flip)
        world.outside.asked.clear()
        world.outside.dialled.clear()
        for _ in range(2):
            outcome = CALLS[sink](world, f"http://{NAME}:{tripwires.port}/")
            assert not outcome.good
            assert quiet(outcome.words)
            assert world.dialled() == [(PUBLIC, tripwires.port)]  # by the first call, and by it alone
        assert world.outside.asked == [NAME, NAME]
    assert not tripwires.touched


@pytest.mark.parametrize("sink", REGISTERS)
def test_name_that_was_good_when_it_was_taken_is_checked_anew(sink, world, tripwires):
    """What is taken is no leave to call: the same row is refused when its name leads elsewhere."""
    if sink == FLAT:
        return  # test_no_name_is_taken_that_leads_inside: it is taken unseen
    answers = iter([[PUBLIC]])
    world.outside.answers[NAME] = lambda: next(answers, ["127.0.0.1"])
    url = f"http://{NAME}:{tripwires.port}/"
    with pytest.raises(pytest.fail.Exception):  # it is good now, and so it is not refused
        REGISTERS[sink](world, url)
    error = REGISTERS[sink](world, url) if sink not in CHANGES else None
    assert error is None or str(error) == NOT_THERE
    assert world.outside.dialled == []
    assert not tripwires.touched


@pytest.mark.parametrize("sink", CALLS)
def test_name_server_that_never_answers_is_left_behind(sink, world):
    release = threading.Event()
    world.outside.answers[NAME] = lambda: release.wait(20) and []
    try:
        with world.hurry():
            began = time.monotonic()
            outcome = CALLS[sink](world, f"http://{NAME}/")
            assert time.monotonic() - began < LIMIT + 3
        assert not outcome.good
        assert quiet(outcome.words)
        assert world.dialled() == []
    finally:
        release.set()
    for thread in threading.enumerate():
        if thread.name == "egress-lookup":
            thread.join(5)


# URLs that are only kept ---------------------------------------------------------------------------------


def git_url(world, url):
    projects.change_project(actor=world.actor, project=world.project, changes={"git_url": url})


def website(world, url):
    organization = world.space.organization
    accounts.change_organization(actor=world.actor, organization=organization, changes={"url": url})


def robot_federation(world, url):
    robot = world.robot = getattr(world, "robot", None) or make.robot(world.space.organization)
    identities = [{"issuer": url, "subject": "s"}]
    accounts.set_robot_federation(actor=world.actor, robot=robot, identities=identities)


def application(world, url):
    tokens.create_application(
        actor=world.actor,
        organization=world.space.organization,
        name="x",
        redirect_uri=url,
        application_uri=url,
    )


@pytest.mark.parametrize("keep", [git_url, website, robot_federation, application])
def test_url_that_is_only_kept_is_never_called(keep, world, tripwires):
    kept = 0
    for url in [*filled(tripwires), f"http://127.0.0.1:{tripwires.port}/", f"http://{NAME}/"]:
        if "\0" in url or url.encode(errors="ignore").decode() != url:
            continue
        try:
            keep(world, url)
        except DomainError:
            continue
        kept += 1
    assert kept > 0
    assert (world.outside.asked, world.outside.dialled) == ([], [])
    assert not tripwires.touched
