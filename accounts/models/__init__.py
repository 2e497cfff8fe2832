"""Namespaces, people, tenants, organizations, teams and robots."""

from accounts.models.identities import Identity, IdentityGroup
from accounts.models.invitations import Invitation, invitation_code
from accounts.models.namespaces import Namespace
from accounts.models.organizations import Membership, Organization
from accounts.models.robots import Robot, RobotFederation
from accounts.models.security import AuthenticatorApp, BrowserSession, Passkey, RecoveryCode, SecurityMail
from accounts.models.sign_ins import FailedSignIn, MailedLink
from accounts.models.teams import Team, TeamMember
from accounts.models.tenants import Account, AccountAdministrator
from accounts.models.users import User, UserManager

__all__ = [
    "Account",
    "AccountAdministrator",
    "AuthenticatorApp",
    "BrowserSession",
    "FailedSignIn",
    "Identity",
    "IdentityGroup",
    "Invitation",
    "MailedLink",
    "Membership",
    "Namespace",
    "Organization",
    "Passkey",
    "RecoveryCode",
    "Robot",
    "RobotFederation",
    "SecurityMail",
    "Team",
    "TeamMember",
    "User",
    "UserManager",
    "invitation_code",
]
