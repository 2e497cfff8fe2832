"""Every operation of the described wires, called with whatever its description allows and does not.

Each call is made with a good token, and half of them with ids of things that are there. What comes back must
be told by the description, and never be the instance's own failure.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.db import transaction
from django.test import Client, override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.generation import GenerationMode

from accounts import services as accounts
from api.docs import WIRES
from api.openapi import document
from core.publicids import base58, nid, short_id, time_id
from tests import make
from tests.api import describing
from tokens import services as tokens
from tokens.kinds import Kind

EXAMPLES = 5


@pytest.fixture
def world(db):
    owner = make.user("owner", superuser=True)
    acme = make.organization("acme", owner)
    changes = {"provider": "gh", "provider_organization": "acme-inc"}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=changes)
    web = make.project(acme, "web")
    return {"owner": owner, "acme": acme, "web": web}


def secret(kind, **of):
    actor = make.actor(of["user"]) if "user" in of else make.SYSTEM
    return tokens.create_token(actor=actor, kind=kind, **of)[1]


def real(world):
    """Return the ids of what is there, by wire and the name of the path's parameter."""
    owner, acme, web = world["owner"], world["acme"], world["web"]
    return {
        "cisense": {
            "nid": [
                nid("org", acme.pk),
                nid("acc", acme.account_id),
                nid("prj", web.pk),
                nid("usr", owner.pk),
            ],
            "user_nid": [nid("usr", owner.pk)],
        },
        "qodana": {
            "project_id": [short_id("project", web.pk)],
            "organization_id": [short_id("organization", acme.pk)],
        },
        "codacy": {
            "provider": ["gh"],
            "organization": ["acme-inc"],
            "repository": ["web"],
            "token_id": [1, 2, 3],
        },
        "flexstack": {
            "project_id": [own("project", web)],
            "org_id": [own("organization", acme)],
            "member_id": [own("member", acme.memberships.get())],
        },
    }


def own(kind, row):
    return base58(time_id(kind, row.pk, row.created_at))


def headers(world):
    """Return, by wire, a function that gives the headers for a way of saying who calls."""
    owner, acme, web = world["owner"], world["acme"], world["web"]

    def bearer(kind, **of):
        return {"authorization": f"Bearer {secret(kind, **of)}"}

    return {
        "cisense": {"accessToken": bearer(Kind.ACCESS, user=owner, title="t")},
        "qodana": {
            "organizationToken": bearer(Kind.ORGANIZATION, organization=acme),
            "personToken": bearer(Kind.ACCESS, user=owner, title="t"),
            "projectToken": bearer(Kind.PROJECT, project=web),
        },
        "codacy": {"accountToken": {"api-token": secret(Kind.ACCOUNT, user=owner)}},
        "flexstack": {"apiKey": {"x-api-key": secret(Kind.KEY, organization=acme)}},
    }


@pytest.mark.parametrize("name", sorted(WIRES))
@override_settings(CODACY_CALLS=0, FLEXSTACK_CALLS=0)
def test_nothing_makes_it_fail(world, name):
    ids, known = real(world)[name], headers(world)[name]
    schema = schemathesis.openapi.from_dict(document(WIRES[name]))
    count = 0
    for found in schema.get_all_operations():
        hammer(name, found.ok(), ids, known)  # type: ignore[union-attr] # it raises for a faulty one
        count += 1
    assert count == len(list(WIRES[name].operations()))


def hammer(name, one, ids, known):
    way = next((key for option in one.definition.raw["security"] for key in option), None)
    good, bad = (
        one.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(good, bad), data=st.data())
    def call(case, data):
        for key in case.path_parameters or {}:
            if key in ids and data.draw(st.booleans()):
                case.path_parameters[key] = data.draw(st.sampled_from(ids[key]))
        query = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in (case.query or {}).items()
        }
        path = case.formatted_path + (f"?{urlencode(query, errors='replace')}" if query else "")
        sent: dict[str, Any] = (
            {}
            if isinstance(case.body, NotSet)
            else {
                "data": case.body if isinstance(case.body, bytes) else json.dumps(case.body),
                "content_type": "application/json",
            }
        )
        with transaction.atomic():
            answer = Client(raise_request_exception=False).generic(
                case.method, path, headers=known.get(way, {}), **sent
            )
            transaction.set_rollback(True)
        assert answer.status_code < 500, (case.method, path, sent, answer.content)
        describing.check(name, case.method, path, answer)

    call()
