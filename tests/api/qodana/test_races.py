"""Many machines that ask for one new project at once."""

import json
from collections import Counter

import pytest
from django.test import Client

from projects.models import Project
from tests import make
from tests.racing import race
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

CALLS = 200


@pytest.mark.django_db(transaction=True)
def test_one_is_told_that_it_is_new_and_all_get_the_same_token():
    acme = make.organization("acme")
    _, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme)
    body = json.dumps({"teamName": "Payments", "projectName": "ledger"})
    came = []

    def ask(number):
        answer = Client(headers={"authorization": f"Bearer {secret}"}).post(
            "/api/v1/public/organizations/projects", body, content_type="application/json"
        )
        came.append((answer.status_code, answer.json().get("projectToken")))

    assert race(CALLS, ask) == {"ok": CALLS}
    assert Counter(status for status, _ in came) == {201: 1, 200: CALLS - 1}
    assert len({token for _, token in came}) == 1
    assert Project.objects.count() == 1
    assert Credential.objects.filter(kind=Kind.PROJECT).count() == 1
    assert acme.teams.filter(name="Payments").count() == 1
