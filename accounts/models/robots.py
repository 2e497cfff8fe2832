"""Robots, and the outside identities that may act as them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.namespaces import Namespace
from core.names import NAME_MAX, namespace_rule


class Robot(models.Model):
    """A service account of a namespace, addressed as ``namespace+shortname``."""

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="robots")
    shortname = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    description = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "shortname"], name="robot_shortname_taken_once"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """The name every wire shows. Needs ``namespace`` loaded."""
        return f"{self.namespace.name}+{self.shortname}"


class RobotFederation(models.Model):
    """An identity of a trusted issuer that may act as a robot."""

    robot = models.ForeignKey(Robot, models.CASCADE, related_name="federations")
    issuer = models.URLField()
    subject = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["robot", "issuer", "subject"], name="robot_federation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"
