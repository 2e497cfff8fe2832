"""A large organization as a file, where its files lie beside the project."""

from functools import partial
from time import monotonic

import pytest

from accounts.models import Organization
from projects.services import code, importing
from tests import make
from tests.kubernetes import DIRECTORY
from tests.make import SYSTEM
from tests.projects.test_import_kubernetes import PEOPLE, SEATS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not DIRECTORY.is_dir(), reason="NOT TESTED: the real organization's files are not beside the project"
    ),
]
SECONDS = 30


def test_a_large_organization_is_exported_compared_and_applied_in_seconds(django_assert_max_num_queries):
    files = importing.read(DIRECTORY)
    importing.import_organization(actor=SYSTEM, name="kubernetes", files=files)
    source = Organization.objects.select_related("namespace").get(slug="kubernetes")
    owner = source.memberships.get(role="owner").user
    target = make.organization("copy", owner=owner)
    began = monotonic()
    with django_assert_max_num_queries(30):
        text = code.export_organization(actor=SYSTEM, organization=source)
    text = text.replace("organization: kubernetes\n", "", 1)
    with django_assert_max_num_queries(30):
        document = code.read_document(text.encode())
        plan = partial(code.plan_document, actor=make.actor(owner), organization=target, document=document)
        diff = plan()
    assert len(diff.of("+", "member")) == PEOPLE - 1
    assert len(diff.of("+", "seat")) == SEATS - 1
    with django_assert_max_num_queries(700):
        code.apply_document(
            actor=make.actor(owner), organization=target, document=document, expected=diff.fingerprint
        )
    assert monotonic() - began < SECONDS
    assert plan().is_empty
