"""Grants on projects, and the grants that new projects of an organization are born with."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from permissions.catalogue import ProjectRole

_EXACTLY_ONE = (
    Q(user__isnull=False, team__isnull=True, robot__isnull=True)
    | Q(user__isnull=True, team__isnull=False, robot__isnull=True)
    | Q(user__isnull=True, team__isnull=True, robot__isnull=False)
)
_ROLE_KNOWN = Q(role__in=["read", "write", "admin"])


class Grant(models.Model):
    """Read, write or admin on one project for exactly one user, team or robot.

    ``by_default`` says that a default permission made it when the project was made, and nobody by hand since.
    """

    project = models.ForeignKey("projects.Project", models.CASCADE, related_name="grants")
    user = models.ForeignKey("accounts.User", models.CASCADE, null=True, blank=True, related_name="grants")
    team = models.ForeignKey("accounts.Team", models.CASCADE, null=True, blank=True, related_name="grants")
    robot = models.ForeignKey("accounts.Robot", models.CASCADE, null=True, blank=True, related_name="grants")
    role = models.CharField(max_length=5, choices=ProjectRole)
    by_default = models.BooleanField("made by a default permission", default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_EXACTLY_ONE, name="grant_has_one_holder"),
            models.CheckConstraint(condition=_ROLE_KNOWN, name="grant_role_known"),
            models.UniqueConstraint(
                fields=["project", "user"], condition=Q(user__isnull=False), name="grant_user_once"
            ),
            models.UniqueConstraint(
                fields=["project", "team"], condition=Q(team__isnull=False), name="grant_team_once"
            ),
            models.UniqueConstraint(
                fields=["project", "robot"], condition=Q(robot__isnull=False), name="grant_robot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} on {self.project} for {self.user or self.team or self.robot}"


class DefaultGrant(models.Model):
    """What every new project of an organization is granted at birth.

    With ``activating_user`` or ``activating_robot`` it applies only to projects that one creates, and then
    beats the general rule for the same holder.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey("accounts.Organization", models.CASCADE, related_name="default_grants")
    activating_user = models.ForeignKey(
        "accounts.User", models.CASCADE, null=True, blank=True, related_name="+"
    )
    activating_robot = models.ForeignKey(
        "accounts.Robot", models.CASCADE, null=True, blank=True, related_name="+"
    )
    user = models.ForeignKey("accounts.User", models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey("accounts.Team", models.CASCADE, null=True, blank=True, related_name="+")
    robot = models.ForeignKey("accounts.Robot", models.CASCADE, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=5, choices=ProjectRole)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_EXACTLY_ONE, name="default_grant_has_one_holder"),
            models.CheckConstraint(condition=_ROLE_KNOWN, name="default_grant_role_known"),
            models.CheckConstraint(
                condition=Q(activating_user__isnull=True) | Q(activating_robot__isnull=True),
                name="default_grant_one_creator",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} for {self.user or self.team or self.robot} in {self.organization}"
