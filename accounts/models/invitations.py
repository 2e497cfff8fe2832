"""Invitations to organizations and teams."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models.organizations import Organization
from accounts.models.teams import Team
from accounts.models.users import User
from permissions.catalogue import OrganizationRole


def invitation_code() -> str:
    """Return a new unguessable code, in the form that the Quay wire's links carry (quay-a.md 8)."""
    return f"urn:teaminvite:{uuid.uuid4()}"


class Invitation(models.Model):
    """An offer to join an organization, and a team of it, to a known person or to an e-mail address."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="invitations")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="invitations")
    email = models.EmailField(blank=True, max_length=254)
    role = models.CharField(max_length=7, choices=OrganizationRole, default=OrganizationRole.MEMBER)
    code = models.CharField(max_length=64, unique=True, default=invitation_code, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    mail_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    mail_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="invitation_mail_due"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(Q(user__isnull=False) & Q(email="")) | (Q(user__isnull=True) & ~Q(email="")),
                name="invitation_is_for_user_or_email",
            ),
            models.UniqueConstraint(
                F("organization"),
                F("team"),
                F("user"),
                condition=Q(user__isnull=False),
                name="invitation_user_once",
            ),
            models.UniqueConstraint(
                F("organization"),
                F("team"),
                Lower("email"),
                condition=~Q(email=""),
                name="invitation_email_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.email} to {self.organization}"
