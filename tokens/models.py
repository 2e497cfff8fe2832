"""Credentials of every kind, and the applications that some of them are issued to."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core import seal
from tokens.kinds import Kind


class Application(models.Model):
    """An OAuth application of a namespace (quay-a.md 7.6)."""

    namespace = models.ForeignKey("accounts.Namespace", models.CASCADE, related_name="applications")
    client_id = models.CharField(max_length=255, unique=True)
    secret_sealed = models.TextField(editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    application_uri = models.CharField(max_length=1024, blank=True)
    redirect_uri = models.CharField(max_length=1024, blank=True)
    avatar_email = models.EmailField(null=True, blank=True)  # noqa: DJ001 - the wire tells null from ""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # Every application keeps a secret: there are no public clients.
    client_type = "confidential"

    def __str__(self) -> str:
        return self.name

    @property
    def client_secret(self) -> str:
        """The secret in clear, which the wire shows to administrators again and again."""
        return seal.unseal(self.secret_sealed)


class ServiceKey(models.Model):
    """The public half of a key by which a service proves what it is (quay-a.md 11.3).

    Only the public half is kept. A key counts once somebody has approved it, and until it expires.
    """

    class Approval(models.TextChoices):
        NONE = "", "not approved"
        SUPERUSER = "Super User API", "by a superuser"
        AUTOMATIC = "Automatic", "on the command line"

    kid = models.CharField(max_length=43, unique=True, editable=False)
    service = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True)
    jwk = models.JSONField(editable=False)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    approval = models.CharField(max_length=16, choices=Approval, blank=True, default=Approval.NONE)
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    approved_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, blank=True, related_name="+")
    approval_notes = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(approval="", approved_at__isnull=True)
                | (~Q(approval="") & Q(approved_at__isnull=False)),
                name="service_key_approved_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.kid}"


class Credential(models.Model):
    """A token of any kind, of exactly one owner.

    Found by ``digest`` alone. Kinds that a wire must show again keep the secret in ``sealed``; of all others
    only the digest is stored.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    user = models.ForeignKey(
        "accounts.User", models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    organization = models.ForeignKey(
        "accounts.Organization", models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    project = models.ForeignKey(
        "projects.Project", models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    robot = models.ForeignKey(
        "accounts.Robot", models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    application = models.ForeignKey(
        Application, models.CASCADE, null=True, blank=True, related_name="credentials"
    )
    issued_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, blank=True, related_name="+")
    title = models.CharField(max_length=255, blank=True)
    scopes = models.CharField(max_length=255, blank=True)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = models.TextField(blank=True, editable=False)
    hint = models.CharField(max_length=12, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField("last used from", null=True, blank=True, editable=False)
    last_used_agent = models.CharField("last used by", max_length=255, blank=True, editable=False)
    # Switched off, and on again; a revoked one stays dead.
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When another took its place; it lives on until it expires.
    replaced_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(revoked_at__isnull=True, expires_at__isnull=False),
                name="credential_living_by_end",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(user__isnull=False, organization__isnull=True, project__isnull=True, robot__isnull=True)
                    | Q(
                        user__isnull=True,
                        organization__isnull=False,
                        project__isnull=True,
                        robot__isnull=True,
                    )
                    | Q(
                        user__isnull=True,
                        organization__isnull=True,
                        project__isnull=False,
                        robot__isnull=True,
                    )
                    | Q(
                        user__isnull=True,
                        organization__isnull=True,
                        project__isnull=True,
                        robot__isnull=False,
                    )
                ),
                name="credential_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.title or self.hint}"


class AuthorizationCode(models.Model):
    """What an application exchanges for a token, once and soon. Found by ``digest`` alone (quay-a.md 4.4).

    A used one stays for a while: whoever brings it again ends the ``credential`` that was issued for it.
    """

    application = models.ForeignKey(Application, models.CASCADE, related_name="codes")
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    redirect_uri = models.CharField(max_length=1024)
    scopes = models.CharField(max_length=255)
    code_challenge = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)
    credential = models.ForeignKey(Credential, models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"code of {self.application} for {self.user}"


class Assignment(models.Model):
    """A token that an administrator of an application's organization offers to a person (quay-a.md 4.4).

    It is gone when she takes the token, or declines it.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.CASCADE, related_name="assignments")
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="assignments")
    assigned_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, blank=True, related_name="+")
    redirect_uri = models.CharField(max_length=1024)
    scopes = models.CharField(max_length=255)
    response_type = models.CharField(max_length=5, default="token")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.application} for {self.user}"
