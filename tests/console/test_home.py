"""The first page of who reads the whole instance: what is open to her without being a member."""

import pytest
from django.test import Client

from console.views import home
from tests import make
from tests.console.entering import enter

pytestmark = pytest.mark.django_db


@pytest.fixture
def audrey(settings):
    settings.READONLY_SUPERUSERS = frozenset({"audrey"})
    ada = make.user("ada")
    for name in ("acme", "beta", "gamma"):
        make.organization(name, owner=ada)
    return make.user("audrey")


def page(user):
    return enter(user).get("/").content.decode().split("<main")[1]


def test_who_audits_the_instance_finds_every_organization_and_makes_none(audrey, monkeypatch):
    shown = page(audrey)
    for name in ("acme", "beta", "gamma"):
        assert f'href="/o/{name}/"' in shown
    assert "You are in no organization yet" not in shown
    assert "New organization" not in shown
    monkeypatch.setattr(home, "OTHERS", 2)
    shown = page(audrey)
    assert 'href="/o/gamma/"' not in shown
    assert "These are the first 2 by name" in shown


def test_ones_own_are_not_listed_twice(audrey, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    boss = make.user("boss", superuser=True)
    make.organization("mine", owner=boss)
    shown = page(boss)
    assert shown.count('href="/o/mine/"') == 1
    assert 'href="/o/acme/"' in shown
    assert "New organization" in shown


@pytest.mark.parametrize("superuser", [False, True])
def test_others_find_their_own_alone(audrey, settings, superuser):
    settings.SUPERUSERS_FULL_ACCESS = False
    shown = page(make.user("bo", superuser=superuser))
    assert "/o/acme/" not in shown
    assert "You are in no organization yet" in shown
    assert Client().get("/").status_code == 302
