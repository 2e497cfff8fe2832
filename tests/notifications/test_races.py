import pytest

from notifications import services
from notifications.models import Subscription
from notifications.services import rows
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("of_project", [True, False])
def test_24_notifications_added_at_once_under_a_limit_of_5_give_5(monkeypatch, of_project):
    monkeypatch.setattr(rows, "SUBSCRIPTIONS_MAX", 5)
    acme = make.organization()
    web = make.project(acme)
    owner = {"project": web} if of_project else {"namespace": acme.namespace}

    def add(number):
        services.create_subscription(
            actor=make.SYSTEM,
            event="repo_change",
            method="in_console",
            title=f"number {number}",
            config={"target": {"kind": "org", "name": "acme"}},
            **owner,
        )

    assert race(24, add) == {"ok": 5, "conflict": 19}
    assert Subscription.objects.filter(**owner).count() == 5
