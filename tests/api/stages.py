"""The worlds in which the golden files of the wires beside Quay's are played; see golden.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.test import Client, override_settings

from accounts import services as accounts
from accounts.models import Namespace, Organization
from core.publicids import short_id
from projects import services as projects
from quotas import services as quotas
from tests import make
from tests.api import describing, golden
from tests.api.cisense import conftest as cisense
from tests.api.flexstack import conftest as flexstack
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.golden import Exchange


@dataclass
class Stage:
    """A world for one golden file: ``names`` of things, and a header, with its value, by who calls."""

    wire: str
    prefix: str
    names: dict[str, str] = field(default_factory=dict)
    callers: dict[str, tuple[str, str]] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Calls that were counted in other tests.
        cache.clear()

    def call(self, exchange: Exchange) -> tuple[int, Any]:
        """Make a call, of which the wire's description must know; return status and body.

        ``limits`` in the exchange are those of acme, by resource.
        """
        for resource, limit in exchange.get("limits", {}).items():
            namespace = Namespace.objects.get(key="acme", deleted_at=None)
            quotas.set_limit(actor=make.SYSTEM, resource=resource, limit=limit, namespace=namespace)
        if "factor" in exchange:
            Organization.objects.filter(slug=exchange["factor"]).update(requires_second_factor=True)
        headers = dict([self.callers[exchange["as"]]]) if "as" in exchange else {}
        with override_settings(**self.switches):
            answer = golden.send(Client(), exchange, self.names, self.prefix, **headers)
        describing.check(self.wire, answer.request["REQUEST_METHOD"], answer.request["PATH_INFO"], answer)
        return golden.told(answer)


def _bearer(secret: str) -> tuple[str, str]:
    return "authorization", f"Bearer {secret}"


def _issued(**owner: Any) -> str:
    return tokens.create_token(actor=make.SYSTEM, **owner)[1]


def qodana() -> Stage:
    """``acme`` has Olga as owner, members of each role, an invited one, and Payments with a ledger."""
    people = {name: make.user(name) for name in ("owner", "bo", "cy", "eve", "rival")}
    people["owner"].name = "Olga O."
    people["owner"].save(update_fields=["name"])
    acme, globex = make.organization("acme", people["owner"]), make.organization("globex", people["rival"])
    for name, role in (("bo", "member"), ("cy", "creator")):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role=role)
    payments = accounts.create_team(actor=make.SYSTEM, organization=acme, name="Payments")
    with override_settings(MAILING=True):
        invitation = accounts.invite(actor=make.SYSTEM, team=payments, user=people["eve"])
    ledger = projects.create_project(
        actor=make.SYSTEM, namespace=acme.namespace, slug="ledger", name="ledger service", team=payments
    )
    make.project(acme, "loose")
    vault = make.project(globex, "vault", visibility="public")
    accounts.set_licence_plan(actor=make.SYSTEM, organization=globex, plan="COMMUNITY")
    rows = {"acme": acme, "globex": globex}
    names = {name: short_id("organization", row.pk) for name, row in rows.items()}
    names |= {name: short_id("user", row.pk) for name, row in people.items()}
    names |= {"payments": short_id("team", payments.pk), "invitation": short_id("invitation", invitation.pk)}
    names |= {"ledger": short_id("project", ledger.pk), "vault": short_id("project", vault.pk)}
    secrets = {name: _issued(kind=Kind.ORGANIZATION, organization=row) for name, row in rows.items()}
    secrets |= {name: make.token(people[name]) for name in ("owner", "bo", "rival")}
    secrets |= {"project": _issued(kind=Kind.PROJECT, project=ledger), "bad": "x"}
    return Stage("qodana", "/api/v1/", names, {name: _bearer(one) for name, one in secrets.items()})


def codacy() -> Stage:
    """``acme`` is gh/acme-inc; its web is private, and read by reader; its docs are public."""
    people = {name: make.user(name) for name in ("owner", "reader", "member", "stranger")}
    acme = make.organization("acme", people["owner"])
    linked = {"provider": "gh", "provider_organization": "acme-inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=linked)
    for name in ("reader", "member"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role="member")
    web = make.project(acme, "web")
    make.grant(web, "read", user=people["reader"])
    make.project(acme, "docs", visibility="public")
    callers = {
        name: ("api-token", tokens.create_token(actor=make.actor(user), kind=Kind.ACCOUNT, user=user)[1])
        for name, user in people.items()
    }
    made, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.REPOSITORY, project=web, title="ci")
    callers |= {"repository": ("project-token", secret), "bad": ("api-token", "x")}
    return Stage("codacy", "/api/v3/", {"token": str(made.pk)}, callers)


def cisense_stage() -> Stage:
    """The world of tests/api/cisense."""
    world = cisense.build()
    callers = {name: _bearer(world.secret(name)) for name in cisense.PEOPLE}
    return Stage("cisense", "/v3/", world.ids(), callers | {"bad": _bearer("x")})


def flexstack_stage() -> Stage:
    """The world of tests/api/flexstack, of its keys alone."""
    with override_settings(**flexstack.SWITCHES):
        world = flexstack.build()
    callers = {name: ("x-api-key", world.keys[name]) for name in ("key", "otherkey", "revoked")}
    return Stage("flexstack", "/v1/", world.ids(), callers, flexstack.SWITCHES)


STAGES: dict[str, Callable[[], Stage]] = {
    "cisense": cisense_stage,
    "codacy": codacy,
    "flexstack": flexstack_stage,
    "qodana": qodana,
}
