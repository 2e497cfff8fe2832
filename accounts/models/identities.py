"""People as directories and identity providers know them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.users import User


class Identity(models.Model):
    """A person as an outside directory or identity provider knows her, by a name that it never gives twice.

    ``issuer`` is an OpenID Connect issuer's address, and empty for the one LDAP directory. ``login`` is the
    name she signs in by there; ``place`` the digest of her entry's distinguished name.
    """

    class Service(models.TextChoices):
        LDAP = "ldap", "LDAP"
        OIDC = "oidc", "OpenID Connect"

    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    service = models.CharField(max_length=4, choices=Service)
    issuer = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255)
    login = models.CharField(max_length=255, blank=True)
    place = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    refresh_sealed = models.TextField(blank=True, editable=False)
    groups_at = models.DateTimeField("groups read", null=True, blank=True, editable=False)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    unanswered = models.BooleanField(default=False, editable=False)
    gave_superuser = models.BooleanField("made her a superuser", default=False, editable=False)
    used_at = models.DateTimeField("last sign-in", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["service", "issuer", "subject"], name="identity_linked_once"),
            models.UniqueConstraint(fields=["user", "service", "issuer"], name="identity_one_of_a_service"),
        ]

    def __str__(self) -> str:
        return f"{self.login or self.subject} ({self.service})"


class IdentityGroup(models.Model):
    """A group that an identity provider said a person is in, when her groups were read last."""

    identity = models.ForeignKey(Identity, models.CASCADE, related_name="groups")
    name = models.CharField(max_length=255, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "name"], name="identity_group_once"),
        ]

    def __str__(self) -> str:
        return self.name
