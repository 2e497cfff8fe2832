import pytest

from accounts import selectors, services
from accounts.models import User
from tests import make

pytestmark = pytest.mark.django_db


def test_invitations_of_an_address_are_shown_to_whom_it_is_known_to_belong(settings):
    settings.USER_CREATION = settings.MAILING = True
    devs = make.team(make.organization())
    code = services.invite(actor=make.SYSTEM, team=devs, email="eve@example.test").code
    eve = services.sign_up(
        actor=make.actor(None), username="eve", password=make.PASSWORD, email="eve@example.test"
    )
    assert not eve.is_verified
    assert not selectors.own_invitations(actor=make.actor(eve)).exists()
    # The code went to the address: who knows it, reads what is sent there.
    services.accept_invitation(actor=make.actor(eve), code=code)
    assert User.objects.get(pk=eve.pk).is_verified

    services.invite(actor=make.SYSTEM, team=make.team(make.organization("globex")), email="boss@example.test")
    services.change_own_account(actor=make.actor(eve), changes={"email": "boss@example.test"})
    assert not selectors.own_invitations(actor=make.actor(eve)).exists()
    settings.MAILING = False
    bob = make.user("bob", email="bob@example.test")
    services.invite(actor=make.SYSTEM, team=devs, email="bob@example.test")
    assert selectors.own_invitations(actor=make.actor(bob)).exists()
