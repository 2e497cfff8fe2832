"""A group at the identity provider makes superusers, and ends what it made."""

import pytest
from django.test import override_settings

from accounts import services as accounts
from accounts.models import User
from accounts.provider import Visitor
from core.actor import Actor
from logs.models import LogEntry
from tests import make

GROUP = "platform/server-root"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider():
    with override_settings(
        AUTHENTICATION="OIDC", OIDC_ISSUER="https://idp.example.test", OIDC_SUPERUSER_GROUP=GROUP
    ):
        yield


def come(*groups, subject="s-1", told=True):
    visitor = Visitor(subject, login="ada", groups=frozenset(groups) if told else None)
    user = accounts.enter_by_provider(actor=Actor(dialect="console"), visitor=visitor)
    return User.objects.get(pk=user.pk)


def test_it_comes_and_goes_with_the_sign_in():
    assert not come("devs").is_superuser
    assert come("devs", GROUP).is_superuser
    assert come(GROUP).is_superuser
    # A provider that says nothing of groups takes nothing.
    assert come(told=False).is_superuser
    assert not come("devs").is_superuser
    assert not come("devs").is_superuser
    kinds = LogEntry.objects.filter(kind__contains="superuser").order_by("pk")
    assert [(one.kind, one.dialect) for one in kinds] == [
        ("user_grant_superuser", "oidc"),
        ("user_revoke_superuser", "oidc"),
    ]


def test_what_an_operator_gave_stays():
    user = come("devs")
    accounts.set_superuser(actor=make.SYSTEM, user=user, superuser=True)
    assert come("devs").is_superuser
    assert come(GROUP).is_superuser
    assert come("devs").is_superuser


def test_an_operator_takes_it_until_the_next_sign_in():
    user = come(GROUP)
    accounts.set_superuser(actor=make.SYSTEM, user=user, superuser=False)
    assert not User.objects.get(pk=user.pk).is_superuser
    assert not come("devs").is_superuser
    assert come(GROUP).is_superuser


def test_it_ends_with_the_link():
    user = come(GROUP)
    accounts.unlink_identity(actor=make.SYSTEM, user=user, service="oidc")
    assert not User.objects.get(pk=user.pk).is_superuser


def test_without_the_setting_groups_make_nobody():
    with override_settings(OIDC_SUPERUSER_GROUP=""):
        assert not come("", GROUP).is_superuser
