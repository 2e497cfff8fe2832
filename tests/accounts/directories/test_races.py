"""People who come for the first time twice at once, and teams compared while others change them."""

import pytest
from django.utils import timezone

from accounts import services
from accounts.models import Identity, IdentityGroup, Team, TeamMember, User
from accounts.provider import Visitor
from logs.models import LogEntry
from quotas.models import Quota, Resource
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
ISSUER = "https://idp.example.test"


@pytest.fixture(autouse=True)
def oidc(settings):
    settings.AUTHENTICATION, settings.OIDC_ISSUER = "OIDC", ISSUER
    settings.TEAM_SYNCING = settings.TEAM_SYNCING_BY_ADMINS = True


def enter(subject, groups=("builders",)):
    visitor = Visitor(subject=subject, login="ada", groups=frozenset(groups), refresh_token="r")
    return services.enter_by_provider(actor=make.actor(None), visitor=visitor)


def test_one_person_in_many_windows_is_made_once():
    assert race(8, lambda _: enter("u-1")) == {"ok": 8}
    assert User.objects.get().username == "ada"
    assert Identity.objects.count() == 1
    assert list(IdentityGroup.objects.values_list("name", flat=True)) == ["builders"]
    assert LogEntry.objects.filter(kind="user_create").count() == 1
    assert LogEntry.objects.filter(kind="login_success").count() == 8


def test_many_people_of_one_name_are_all_made():
    assert race(4, lambda number: enter(f"u-{number}")) == {"ok": 4}
    names = User.objects.order_by("username").values_list("username", flat=True)
    assert list(names) == ["ada", "ada-2", "ada-3", "ada-4"]
    assert Identity.objects.count() == 4


def test_one_account_of_the_provider_is_linked_to_one_person(settings):
    settings.AUTHENTICATION = "Database"
    people = [make.user(f"person{number}") for number in range(4)]
    visitor = Visitor(subject="u-1")

    def link(number):
        services.link_identity(actor=make.actor(people[number]), visitor=visitor)

    assert race(4, link) == {"ok": 1, "conflict": 3}
    assert Identity.objects.count() == 1


def test_comparisons_and_administrators_leave_one_truth():
    acme = make.organization()
    teams = [make.team(acme, f"team{number}") for number in range(3)]
    people = [make.user(f"person{number}") for number in range(6)]
    for number, user in enumerate(people):
        one = Identity.objects.create(
            user=user, service="oidc", issuer=ISSUER, subject=f"u-{number}", groups_at=timezone.now()
        )
        IdentityGroup.objects.create(identity=one, name="builders")
    outsider = make.user("outsider")
    for team in teams:
        make.member(team, outsider)
        Team.objects.filter(pk=team.pk).update(sync_service="oidc", sync_config={"group_name": "builders"})
    owner = make.actor(User.objects.get(username="acme-owner"))

    def act(number):
        if number < 2:
            services.remove_member(actor=owner, organization=acme, user=people[number])
        else:
            services.sync_team(actor=make.SYSTEM, team_id=teams[number % 3].pk)

    assert race(8, act) == {"ok": 8}
    Team.objects.update(sync_tried_at=None)
    for team in teams:
        services.sync_team(actor=make.SYSTEM, team_id=team.pk)
        inside = TeamMember.objects.filter(team=team).values_list("user__username", flat=True)
        assert sorted(inside) == [user.username for user in people]
    used = Quota.objects.get(namespace=acme.namespace, resource=Resource.MEMBERS).used
    assert used == acme.memberships.count() == 7
