"""Organizations, and who is in them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.models.namespaces import Namespace
from accounts.models.tenants import Account
from accounts.models.users import User
from core.names import NAME_MAX, namespace_rule
from permissions.catalogue import OrganizationRole


class Organization(models.Model):
    """A namespace inside a group account: members, teams, settings, profile."""

    class Provider(models.TextChoices):
        NONE = "", "none"
        GITHUB = "gh", "GitHub"
        GITHUB_ENTERPRISE = "ghe", "GitHub Enterprise"
        GITLAB = "gl", "GitLab"
        GITLAB_ENTERPRISE = "gle", "GitLab Enterprise"
        BITBUCKET = "bb", "Bitbucket"
        BITBUCKET_SERVER = "bbe", "Bitbucket Server"

    class LicencePlan(models.TextChoices):
        """What the organization is licensed for, in the words of qodana.md 2."""

        COMMUNITY = "COMMUNITY", "Community"
        ULTIMATE = "ULTIMATE", "Ultimate"
        ULTIMATE_PLUS = "ULTIMATE_PLUS", "Ultimate Plus"
        TRIAL_ULTIMATE = "TRIAL_ULTIMATE", "Ultimate, trial"
        TRIAL_ULTIMATE_PLUS = "TRIAL_ULTIMATE_PLUS", "Ultimate Plus, trial"
        PREMIUM = "PREMIUM", "Premium"
        PREMIUM_LITE = "PREMIUM_LITE", "Premium Lite"

    namespace = models.OneToOneField(Namespace, models.PROTECT, related_name="organization")
    account = models.ForeignKey(Account, models.PROTECT, related_name="organizations")
    slug = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    name = models.CharField("name as typed", max_length=255)
    description = models.TextField(blank=True)
    email = models.EmailField(blank=True, max_length=254)
    url = models.URLField(blank=True)
    location = models.CharField(max_length=255, blank=True)
    invoice_email = models.BooleanField(default=False)
    invoice_email_address = models.EmailField(null=True, blank=True)  # noqa: DJ001 - the wire tells null from ""
    tag_expiration_s = models.PositiveIntegerField(default=1209600)
    provider = models.CharField(max_length=3, choices=Provider, blank=True, default=Provider.NONE)
    provider_organization = models.CharField(max_length=255, blank=True)
    token_max_days = models.PositiveIntegerField(
        "tokens live at most, in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    log_retention_days = models.PositiveIntegerField(
        "the log is kept for, in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(30), MaxValueValidator(3650)],
    )
    requires_second_factor = models.BooleanField(
        "people need a second factor", default=False, db_default=False
    )
    licence_plan = models.CharField(
        max_length=19, choices=LicencePlan, default=LicencePlan.ULTIMATE_PLUS, db_default="ULTIMATE_PLUS"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "provider_organization"],
                condition=Q(deleted_at=None) & ~Q(provider="") & ~Q(provider_organization=""),
                name="provider_organization_linked_once",
            ),
        ]
        indexes = [models.Index(F("provider"), Upper("provider_organization"), name="organization_by_link")]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """A person in an organization, with her direct role.

    Everybody in the organization has exactly one row. ``is_direct`` is false for those who are here by their
    teams alone: the row goes when the last team is left.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=OrganizationRole)
    is_direct = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=Q(is_direct=True) | Q(role="member"), name="membership_by_team_is_member"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "admin", "creator", "member", "auditor"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.organization}"
