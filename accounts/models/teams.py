"""Teams, and who is in them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.organizations import Organization
from accounts.models.robots import Robot
from accounts.models.users import User
from core.names import NAME_MAX, namespace_rule


class Team(models.Model):
    """A named group in an organization with an organization-wide role; may mirror a directory's group."""

    class Role(models.TextChoices):
        ADMIN = "admin"
        CREATOR = "creator"
        MEMBER = "member"

    class Sync(models.TextChoices):
        NONE = "", "not synchronized"
        LDAP = "ldap", "LDAP"
        OIDC = "oidc", "OpenID Connect"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    slug = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    name = models.CharField("name as typed", max_length=255)
    description = models.TextField(blank=True)
    role = models.CharField(max_length=7, choices=Role)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    previous_names = models.JSONField(default=list, blank=True)
    sync_service = models.CharField(max_length=4, choices=Sync, blank=True, default=Sync.NONE)
    sync_config = models.JSONField(default=dict, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Claimed by moving ``sync_tried_at``; a doubt is an answer that would leave nobody, seen once so far.
    sync_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_doubted_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_problem = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="team_slug_taken_once"),
            models.UniqueConstraint(fields=["organization", "name"], name="team_name_taken_once"),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "creator", "member"]), name="team_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class TeamMember(models.Model):
    """A person or a robot in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="team_members")
    robot = models.ForeignKey(Robot, models.CASCADE, null=True, blank=True, related_name="team_members")
    is_maintainer = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, robot__isnull=True)
                | Q(user__isnull=True, robot__isnull=False),
                name="team_member_is_user_or_robot",
            ),
            models.UniqueConstraint(
                fields=["team", "user"], condition=Q(user__isnull=False), name="team_user_once"
            ),
            models.UniqueConstraint(
                fields=["team", "robot"], condition=Q(robot__isnull=False), name="team_robot_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.robot} in {self.team}"
