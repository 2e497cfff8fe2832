"""What a thing is made of: which rows are put away with it, which only let go of it, which end with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """The rows of a ``model`` that hang on a thing by the lookup ``by``, or on its namespace.

    With ``link`` they stay, and that field of theirs is emptied. What is not ``kept`` ends for good.
    """

    model: str
    by: str
    kept: bool = True
    link: str = ""
    of_namespace: bool = False
    # Whose project it is, where a project that was deleted earlier is no part of this.
    living: str = ""


def _ends(model: str, by: str, *, of_namespace: bool = False, living: str = "") -> Part:
    return Part(model, by, kept=False, of_namespace=of_namespace, living=living)


# Those first that hang on others: they are put away in this order, and come back in the opposite one.
# Deliveries tell of what is over, tokens are dead for good, and notices go with their invitations.
PLANS: dict[str, tuple[Part, ...]] = {
    "project": (
        Part("permissions.Grant", "project"),
        Part("projects.Star", "project"),
        Part("notifications.AuthorizedAddress", "project"),
        _ends("notifications.Delivery", "subscription__project"),
        Part("notifications.Subscription", "project"),
        _ends("tokens.Credential", "project"),
        Part("logs.LogExport", "project", link="project"),
        Part("projects.Project", "pk"),
    ),
    "robot": (
        Part("permissions.Grant", "robot"),
        Part("permissions.DefaultGrant", "robot"),
        Part("permissions.DefaultGrant", "activating_robot"),
        Part("accounts.TeamMember", "robot"),
        Part("accounts.RobotFederation", "robot"),
        _ends("tokens.Credential", "robot"),
        Part("accounts.Robot", "pk"),
    ),
    "team": (
        Part("permissions.Grant", "team"),
        Part("permissions.DefaultGrant", "team"),
        Part("accounts.TeamMember", "team"),
        _ends("notifications.Notice", "invitation__team"),
        Part("accounts.Invitation", "team"),
        Part("projects.Project", "team", link="team"),
        Part("accounts.Team", "parent", link="parent"),
        Part("accounts.Team", "pk"),
    ),
    "organization": (
        Part("permissions.Grant", "project__namespace", of_namespace=True, living="project"),
        Part("projects.Star", "project__namespace", of_namespace=True, living="project"),
        Part("notifications.AuthorizedAddress", "project__namespace", of_namespace=True, living="project"),
        _ends(
            "notifications.Delivery",
            "subscription__project__namespace",
            of_namespace=True,
            living="subscription__project",
        ),
        Part("notifications.Subscription", "project__namespace", of_namespace=True, living="project"),
        _ends("tokens.Credential", "project__namespace", of_namespace=True, living="project"),
        Part("logs.LogExport", "project__namespace", link="project", of_namespace=True, living="project"),
        Part("projects.Project", "namespace", of_namespace=True, living="pk"),
        Part("permissions.DefaultGrant", "organization"),
        Part("accounts.TeamMember", "team__organization"),
        Part("accounts.RobotFederation", "robot__namespace", of_namespace=True),
        _ends("tokens.Credential", "robot__namespace", of_namespace=True),
        Part("accounts.Robot", "namespace", of_namespace=True),
        _ends("tokens.AuthorizationCode", "application__namespace", of_namespace=True),
        Part("tokens.Assignment", "application__namespace", of_namespace=True),
        _ends("tokens.Credential", "application__namespace", of_namespace=True),
        Part("tokens.Application", "namespace", of_namespace=True),
        _ends("notifications.Delivery", "subscription__namespace", of_namespace=True),
        Part("notifications.Subscription", "namespace", of_namespace=True),
        _ends("notifications.Notice", "invitation__organization"),
        Part("accounts.Invitation", "organization"),
        Part("accounts.Membership", "organization"),
        Part("logs.LogView", "namespace", of_namespace=True),
        Part("streams.Stream", "namespace", of_namespace=True),
        Part("quotas.Threshold", "quota__namespace", of_namespace=True),
        # A past with a hole of some days says nothing of a pace, and nobody waits for an answer any more.
        _ends("quotas.UsageSample", "quota__namespace", of_namespace=True),
        _ends("quotas.LimitRequest", "quota__namespace", of_namespace=True),
        Part("quotas.Quota", "namespace", of_namespace=True),
        _ends("tokens.Credential", "organization"),
        Part("accounts.Team", "organization"),
        Part("accounts.Organization", "pk"),
    ),
}
ROOTS = {
    "project": "projects.Project",
    "robot": "accounts.Robot",
    "team": "accounts.Team",
    "organization": "accounts.Organization",
}
# Whose rows are told, by the names in them, when they cannot come back.
TOLD = {
    "permissions.Grant": "permission",
    "permissions.DefaultGrant": "default permission",
    "accounts.TeamMember": "place in a team",
    "accounts.Membership": "membership",
    "accounts.Invitation": "invitation",
}
# Sealed texts in rows that are put away: keys rotate over them, too.
SEALED = {
    "notifications.Subscription": ("secret_sealed", "old_secret_sealed"),
    "streams.Stream": ("secret_sealed", "old_secret_sealed"),
    "tokens.Application": ("secret_sealed",),
}
