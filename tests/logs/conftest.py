import pytest

from core.actor import Actor
from tests import make


@pytest.fixture(autouse=True)
def own_directory(settings, tmp_path):
    """Let drafts, exports and mails of each test lie in a directory of its own."""
    settings.DATA = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "exports": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "exports", "file_permissions_mode": 0o600},
        },
    }
    return tmp_path


@pytest.fixture
def acme():
    return make.organization("acme", owner=make.user("owner"))


@pytest.fixture
def owner(acme):
    return make.actor(acme.memberships.get(role="owner").user)


@pytest.fixture
def superuser():
    return make.actor(make.user("root", superuser=True))


NOBODY = Actor()
