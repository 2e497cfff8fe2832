"""An organization in which every section of a file has something to say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from accounts import services as accounts
from accounts.models import Team
from notifications import services as notifications
from projects import services as projects
from quotas import services as quotas
from quotas.models import Resource
from tests import make
from tests.make import SYSTEM
from tokens import services as tokens

if TYPE_CHECKING:
    from accounts.models import Organization, User


def people(*names: str) -> dict[str, User]:
    return {name: make.user(name) for name in names}


def build(owner: User, others: dict[str, User], name: str = "acme", *, bound: bool = False) -> Organization:
    """Fill an organization of ``owner``; ``others`` are ada, bob and eve. ``bound``: a group fills a team."""
    acme = make.organization(name, owner=owner)
    profile = {"description": "Rockets", "url": "https://acme.example/", "email": f"{name}@acme.example"}
    accounts.change_organization(
        actor=SYSTEM, organization=acme, changes={**profile, "location": "Moon", "token_max_days": 90}
    )
    for person, role in (("ada", "admin"), ("bob", "member")):
        accounts.set_member_role(actor=SYSTEM, organization=acme, user=others[person], role=role)
    devs = make.team(acme, "devs", role="creator", description="They: build 'it'")
    night = make.team(acme, "night", parent=devs)
    make.member(devs, others["bob"])
    accounts.add_team_member(actor=SYSTEM, team=night, user=others["eve"], is_maintainer=True)
    ci = make.robot(acme, "ci", description="Builds")
    accounts.set_robot_federation(
        actor=SYSTEM, robot=ci, identities=[{"issuer": "https://ci.example", "subject": "repo:web"}]
    )
    accounts.change_robot(actor=SYSTEM, robot=make.robot(acme, "off"), enabled=False)
    accounts.add_team_member(actor=SYSTEM, team=devs, robot=ci)
    mirror = make.team(acme, "mirror")
    if bound:
        make.member(mirror, others["bob"])
        Team.objects.filter(pk=mirror.pk).update(sync_service="ldap", sync_config={"group_dn": "cn=all"})
    web = make.project(acme, "web", description="yes", git_url="https://git.example/web.git", team=devs)
    projects.change_project(actor=SYSTEM, project=web, changes={"contact": others["bob"]})
    docs = make.project(acme, "site/docs", visibility="public")
    projects.change_project(actor=SYSTEM, project=docs, changes={"name": "Docs: all of them"})
    projects.set_state(actor=SYSTEM, project=make.project(acme, "old"), state="READ_ONLY")
    make.grant(web, "write", team=devs)
    make.grant(web, "admin", user=others["eve"])
    make.grant(web, "read", robot=ci)
    grant = partial(projects.create_default_grant, actor=SYSTEM, organization=acme)
    grant(role="read", team=devs)
    grant(role="write", user=others["ada"], activating_robot=ci)
    for title in ("Control", "Control", "Other"):
        tokens.create_application(
            actor=SYSTEM, organization=acme, name=title, redirect_uri="https://a.example/"
        )
    notifications.create_subscription(
        actor=SYSTEM,
        namespace=acme.namespace,
        event="member_change",
        method="slack",
        config={"url": "https://hooks.slack.com/services/SECRET"},
        title="Tell us",
        flat=True,
    )
    quotas.set_limit(actor=SYSTEM, resource=Resource.ROBOTS, limit=6, namespace=acme.namespace)
    quotas.create_quota(actor=SYSTEM, namespace=acme.namespace, limit_bytes=10**9)
    quotas.add_threshold(actor=SYSTEM, namespace=acme.namespace, kind="Warning", percent=80)
    return acme
