"""Teams that mirror a group of a directory or an identity provider: bound, released, compared by a worker.

docs/sign-in.md tells the rules: what ends access, what does not, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import directory
from accounts.models import Identity, Membership, Organization, Team, TeamMember, User
from accounts.selectors import may_bind_teams
from accounts.services.guards import enter, keep_an_administrator
from accounts.services.organizations import join, leave_if_teamless
from core.bell import ring_by_name
from core.db import hold, hold_all, update
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Unreachable
from core.words import say
from logs.kinds import (
    ASK_FOR_TEAM_SYNC,
    DISABLE_TEAM_SYNC,
    ENABLE_TEAM_SYNC,
    ORG_ADD_TEAM_MEMBER,
    ORG_REMOVE_TEAM_MEMBER,
    TEAM_SYNC_FAILED,
    TEAM_SYNC_KEPT_ADMINISTRATOR,
    TEAM_SYNC_RECOVERED,
)
from logs.record import record
from permissions.catalogue import TEAM_SYNC, OrganizationRole
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.actor import Actor
    from logs.kinds import LogKind

GROUP_MAX = 1024
BATCH = 100  # people a transaction: whoever waits for the organization waits no longer
PAUSE = timedelta(minutes=1)  # between comparisons that people ask for
SERVICES = {"LDAP": Team.Sync.LDAP, "OIDC": Team.Sync.OIDC}
NO_GROUP = say("It mirrors no group")
DOUBT = say("The group has nobody of the team any more. If it is so the next time, everybody is taken out")


# Binding and releasing -----------------------------------------------------------------------------------


def enable_team_sync(*, actor: Actor, team: Team, group_dn: str = "", group_name: str = "") -> Team:
    """Let a group decide from now on who is in a team; robots stay as they are (quay-a.md 8).

    Not one transaction: the directory is asked before. People whom an identity provider's group does not
    have leave at once, people whom a directory's does not have at the first comparison.

    Raises:
        Forbidden: not an administrator, or only superusers may.
        Invalid: no group, or none that there is, or nobody else signs people in here.
        Conflict: the team mirrors a group already, or nobody would administer the organization any more.
        Unreachable: the directory is down.
    """
    organization = team.organization
    _may_bind(actor, organization)
    service, config = _group(group_dn, group_name)
    with transaction.atomic():
        people = set(_in_provider_group(group_name)) if service == Team.Sync.OIDC else set()
        people = hold_all(User, people)
        _open(actor, team)
        if team.sync_service:
            raise Conflict("The team mirrors a group already")
        team.sync_service, team.sync_config = service, config
        team.synced_at = team.sync_tried_at = team.sync_doubted_at = None
        team.sync_problem = ""
        update(team, *_SYNC)
        if service == Team.Sync.OIDC:
            _seat(actor, team, people - _present(team))
            _unseat(actor, team, _present(team) - people)
            keep_an_administrator(organization)
            actor.forget()
        record(ENABLE_TEAM_SYNC, actor=actor, namespace=organization.namespace, team=team.slug)
        ring_by_name("accounts.sync_team", team.pk)
    return team


@dataclass(frozen=True)
class Difference:
    """What binding a team to a group would do: user names, by name; ``stays`` counts who is in both."""

    joins: list[str]
    leaves: list[str]
    stays: int


def preview_team_sync(*, actor: Actor, team: Team, group_dn: str = "", group_name: str = "") -> Difference:
    """Return who would join and leave if a group decided who is in a team. Nothing is changed.

    Of the people in the group only those are known who have signed in here once; others join when they do.

    Raises:
        Forbidden, Invalid, Conflict, Unreachable: as `enable_team_sync`.
    """
    _may_bind(actor, team.organization)
    if team.sync_service:
        raise Conflict("The team mirrors a group already")
    service, config = _group(group_dn, group_name)
    try:
        found = _wanted(Team(pk=team.pk, sync_service=service, sync_config=config))
        wanted = set(found)
    except directory.GroupGone as error:
        raise Invalid(str(error), field="group_dn") from error
    present = _present(team)
    names = dict(User.objects.filter(pk__in=wanted ^ present).values_list("pk", "username"))
    joins = sorted(names[key] for key in wanted - present if key in names)
    leaves = sorted(names[key] for key in present - wanted if key in names)
    return Difference(joins, leaves, len(wanted & present))


_SYNC = ("sync_service", "sync_config", "synced_at", "sync_tried_at", "sync_doubted_at", "sync_problem")


@transaction.atomic
def disable_team_sync(*, actor: Actor, team: Team) -> Team:
    """Let administrators decide again who is in a team; whoever is in it stays. Not bound is no error.

    Raises:
        Forbidden: as `enable_team_sync`.
    """
    require(actor, TEAM_SYNC, team.organization)
    _may_bind(actor, team.organization)
    _open(actor, team)
    if not team.sync_service:
        return team
    team.sync_service, team.sync_config = Team.Sync.NONE, {}
    team.synced_at = team.sync_tried_at = team.sync_doubted_at = None
    team.sync_problem = ""
    update(team, *_SYNC)
    record(DISABLE_TEAM_SYNC, actor=actor, namespace=team.organization.namespace, team=team.slug)
    return team


def _may_bind(actor: Actor, organization: Organization) -> None:
    require(actor, TEAM_SYNC, organization)
    if not may_bind_teams(actor=actor, organization=organization):
        raise Forbidden(
            "Only superusers bind teams to groups here",
            right=TEAM_SYNC.name,
            namespace=organization.namespace,
        )


def _group(group_dn: str, group_name: str) -> tuple[str, dict[str, str]]:
    """Return the service and what the team remembers, once the group is known to be there."""
    service = SERVICES.get(settings.AUTHENTICATION)
    if service is None:
        raise Invalid("Neither a directory nor an identity provider signs people in here")
    field, group = ("group_dn", group_dn) if service == Team.Sync.LDAP else ("group_name", group_name)
    if not group.strip() or len(group) > GROUP_MAX:
        raise Invalid(
            say("{field} is needed, of at most {most} characters", field=field, most=GROUP_MAX),
            field=field,
        )
    if service == Team.Sync.LDAP:
        try:
            directory.places_in_group(group)
        except directory.GroupGone as error:
            raise Invalid(str(error), field=field) from error
    return service, {field: group}


def _open(actor: Actor, team: Team) -> None:
    """Hold the organization and the team, and make the team what it is now."""
    enter(actor, TEAM_SYNC, team.organization)
    now = hold(team, gone=say("Team {slug} not found", slug=team.slug))
    team.role = now.role
    for field in _SYNC:
        setattr(team, field, getattr(now, field))


# Comparing -----------------------------------------------------------------------------------------------


@transaction.atomic
def ask_for_team_sync(*, actor: Actor, team: Team) -> None:
    """Have a team compared with its group now, ahead of its turn; a worker does it.

    Raises:
        Forbidden: not an administrator.
        Invalid: it mirrors no group, or none is asked here.
        Conflict: it was compared just now; or its group had nobody of the team, which is believed only if it
            is so at the team's own turn.
        NotFound: somebody deleted it just now.
    """
    require(actor, TEAM_SYNC, team.organization)
    _open(actor, team)
    if not team.sync_service:
        raise Invalid(NO_GROUP)
    if not settings.TEAM_SYNCING or team.sync_service != SERVICES.get(settings.AUTHENTICATION):
        raise Invalid("No groups are asked here for now")
    if team.sync_doubted_at is not None:
        raise Conflict(DOUBT)
    if team.sync_tried_at is not None and team.sync_tried_at > timezone.now() - PAUSE:
        raise Conflict("It was compared with its group just now")
    team.sync_tried_at = None
    update(team, "sync_tried_at")
    record(ASK_FOR_TEAM_SYNC, actor=actor, namespace=team.organization.namespace, team=team.slug)
    ring_by_name("accounts.sync_team", team.pk)


def teams_to_sync(*, limit: int) -> list[int]:
    """Return the teams, by their keys, whose turn it is; those that waited longest come first."""
    due = Team.objects.filter(_due()).order_by(F("sync_tried_at").asc(nulls_first=True), "pk")
    return list(due.values_list("pk", flat=True)[:limit])


def _due() -> Q:
    service = SERVICES.get(settings.AUTHENTICATION) if settings.TEAM_SYNCING else None
    if service is None:
        return Q(pk__in=[])
    before = timezone.now() - timedelta(seconds=settings.TEAM_SYNC_SECONDS)
    waited = Q(sync_tried_at=None) | Q(sync_tried_at__lte=before)
    return waited & Q(sync_service=service, organization__deleted_at=None)


def sync_team(*, actor: Actor, team_id: int) -> None:
    """Compare one team with its group, if it is its turn and no other worker has it.

    Not one transaction: the claim stands whatever becomes of it, and the group is read before anything is
    locked. A group that cannot be read changes nobody; it is told in the log and on the team's page.
    """
    claim = timezone.now()
    if not Team.objects.filter(_due(), pk=team_id).update(sync_tried_at=claim):
        return
    team = Team.objects.select_related("organization__namespace").get(pk=team_id)
    require(actor, TEAM_SYNC, team.organization)
    try:
        wanted = set(_wanted(team))
    except (Unreachable, Invalid) as error:
        _finish(actor, team, claim, problem=error.message, failed=True)
    except directory.GroupGone as error:
        _finish(actor, team, claim, problem=str(error), failed=True)
    else:
        _compare(actor, team, claim, wanted)


def _wanted(team: Team) -> Iterable[int]:
    """Return the people, by their keys, who are in a team's group and known here."""
    if team.sync_service == Team.Sync.OIDC:
        return _in_provider_group(team.sync_config["group_name"])
    return _in_directory_group(team)


def _in_provider_group(name: str) -> Iterable[int]:
    oldest = timezone.now() - timedelta(seconds=settings.OIDC_GROUPS_SECONDS)
    # What was said once counts for a while; longer only as long as the provider answers nobody's questions.
    counts = Q(groups_at__gte=oldest) | Q(unanswered=True)
    found = Identity.objects.filter(
        counts, service=Identity.Service.OIDC, issuer=settings.OIDC_ISSUER, groups__name=name
    )
    return found.filter(user__deleted_at=None).values_list("user", flat=True)


def _in_directory_group(team: Team) -> Iterable[int]:
    places = directory.places_in_group(team.sync_config["group_dn"])
    linked = Identity.objects.filter(service=Identity.Service.LDAP, user__deleted_at=None)
    maybe = dict(linked.filter(user__team_members__team=team).values_list("subject", "user"))
    for some in _batches(sorted(places)):
        maybe |= dict(linked.filter(place__in=some).values_list("subject", "user"))
    # A place may have another owner by now, and its old owner another place: what stays is the subject.
    entries = directory.locate(maybe)
    for subject, entry in entries.items():
        linked.filter(subject=subject).exclude(place=entry.place).update(place=entry.place)
    return [maybe[subject] for subject, entry in entries.items() if entry.place in places]


def _batches(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + 500] for start in range(0, len(items), 500))


def _compare(actor: Actor, team: Team, claim: datetime, wanted: set[int]) -> None:
    present = _present(team)
    if present and not wanted and team.sync_doubted_at is None:
        _finish(actor, team, claim, problem=DOUBT, failed=True, doubted_at=claim)
        return
    problem = ""
    new, gone = sorted(wanted - present), sorted(present - wanted)
    for start in range(0, len(new), BATCH):
        problem = _some(actor, team, claim, new=new[start : start + BATCH]) or problem
    kept = _indispensable(team, gone)
    if kept is not None:
        gone.remove(kept.pk)
        problem = f"{kept.username} is no longer in the group, but nobody else administers the organization"
    for start in range(0, len(gone), BATCH):
        _some(actor, team, claim, gone=gone[start : start + BATCH])
    if kept is not None and problem != team.sync_problem:
        with transaction.atomic():
            told = {"team": team.slug, "member": kept.username}
            record(
                TEAM_SYNC_KEPT_ADMINISTRATOR,
                actor=actor,
                namespace=team.organization.namespace,
                metadata=told,
            )
    _finish(actor, team, claim, problem=problem, doubted_at=None if wanted else team.sync_doubted_at)


def _indispensable(team: Team, gone: list[int]) -> User | None:
    """Return who of the leaving must stay lest nobody administers the organization: the longest there."""
    if team.role != Team.Role.ADMIN or not gone:
        return None
    organization = team.organization
    direct = Membership.objects.filter(
        organization=organization, role__in=[OrganizationRole.OWNER, OrganizationRole.ADMIN]
    )
    by_team = TeamMember.objects.filter(team__organization=organization, team__role=Team.Role.ADMIN)
    by_others = by_team.filter(user__is_active=True).exclude(team=team, user__in=gone)
    if direct.filter(user__is_active=True).exists() or by_others.exists():
        return None
    leaving = TeamMember.objects.filter(team=team, user__in=gone, user__is_active=True)
    last = leaving.select_related("user").order_by("pk").first()
    return last.user if last is not None else None


def _some(
    actor: Actor, team: Team, claim: datetime, *, new: list[int] | None = None, gone: list[int] | None = None
) -> str:
    """Seat or unseat some people in one transaction; return what went wrong, in words for people."""
    try:
        with transaction.atomic():
            people = hold_all(User, new or ())
            if not _still_ours(actor, team, claim):
                return ""
            present = _present(team)
            _seat(actor, team, people - present)
            if gone:
                _unseat(actor, team, present & set(gone))
                keep_an_administrator(team.organization)
    except (QuotaExceeded, Conflict) as error:
        return error.message
    return ""


def _still_ours(actor: Actor, team: Team, claim: datetime) -> bool:
    """Hold the team; tell whether it is bound as it was when its group was read, and nobody read it since."""
    config = team.sync_config
    try:
        _open(actor, team)
    except NotFound:
        return False
    return team.sync_tried_at == claim and team.sync_config == config


def _finish(
    actor: Actor,
    team: Team,
    claim: datetime,
    *,
    problem: str,
    failed: bool = False,
    doubted_at: datetime | None = None,
) -> None:
    """Note how the comparison went; the log is told of changes from well to ill and back alone."""
    before = team.sync_problem
    with transaction.atomic():
        if not _still_ours(actor, team, claim):
            return
        team.sync_problem = problem[:255]
        if not failed:
            team.synced_at = claim
        if doubted_at is not None or not failed:
            team.sync_doubted_at = doubted_at
        update(team, "sync_problem", "synced_at", "sync_doubted_at")
        if team.sync_problem == before:
            return
        kind: LogKind = TEAM_SYNC_FAILED if problem else TEAM_SYNC_RECOVERED
        told = {"team": team.slug} | ({"problem": team.sync_problem} if problem else {})
        record(kind, actor=actor, namespace=team.organization.namespace, metadata=told)


# Members -------------------------------------------------------------------------------------------------


def _present(team: Team) -> set[int]:
    return set(TeamMember.objects.filter(team=team, user__isnull=False).values_list("user", flat=True))


def _seat(actor: Actor, team: Team, people: set[int]) -> None:
    for user in User.objects.filter(pk__in=people).order_by("pk"):
        join(team.organization, user)
        TeamMember.objects.create(team=team, user=user)
        _tell(actor, team, ORG_ADD_TEAM_MEMBER, user)


def _unseat(actor: Actor, team: Team, people: set[int]) -> None:
    TeamMember.objects.filter(team=team, user__in=people).delete()
    leave_if_teamless(team.organization, sorted(people))
    for user in User.objects.filter(pk__in=people).order_by("pk"):
        _tell(actor, team, ORG_REMOVE_TEAM_MEMBER, user)


def _tell(actor: Actor, team: Team, kind: LogKind, user: User) -> None:
    namespace = team.organization.namespace
    record(kind, actor=actor, namespace=namespace, metadata={"member": user.username, "team": team.slug})
