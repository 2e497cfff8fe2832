"""One's own starred projects and usage log: as far as one may see, and nobody else's."""

import pytest
from django.test import Client

from projects import services as projects
from projects.models import Star
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def client(ada):
    client = Client()
    client.force_login(ada)
    return client


def page(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_stars_are_listed_and_taken_away(ada, client):
    acme = make.organization("acme", owner=ada)
    web = make.project(acme, "web")
    bo = make.user("bo")
    site = make.project(bo, "site", visibility="public")
    for project in (web, site):
        projects.star_project(actor=make.actor(ada), project=project)
    shown = page(client, "/account/stars/")
    assert "/o/acme/projects/web/" in shown
    assert 'value="site"' in shown
    answer = client.post("/account/stars/", {"do": "unstar", "namespace": "acme", "slug": "web"})
    assert answer.status_code == 302
    assert list(Star.objects.values_list("project__slug", flat=True)) == ["site"]


def test_a_star_that_one_may_not_see_any_more_is_not_shown(ada, client):
    bo = make.user("bo")
    site = make.project(bo, "site", visibility="public")
    projects.star_project(actor=make.actor(ada), project=site)
    projects.set_visibility(actor=make.SYSTEM, project=site, visibility="private")
    assert "site" not in page(client, "/account/stars/").split("<main")[1]


def test_the_own_log_tells_what_is_ones_own(ada, client):
    make.token(ada)
    bo = make.user("bo")
    make.robot(bo, "bos-robot")
    make.robot(ada, "adas-robot")
    shown = page(client, "/account/logs/")
    assert "adas-robot" in shown
    assert "bos-robot" not in shown
    assert "export-dialog" not in shown
    assert client.post("/account/logs/", {"do": "export"}).status_code == 404


@pytest.mark.parametrize("room", ["stars", "logs", "sessions", "security"])
def test_pages_keep_to_their_queries(ada, client, room, django_assert_max_num_queries):
    page(client, f"/account/{room}/")
    with django_assert_max_num_queries(12):
        page(client, f"/account/{room}/")
