"""Globally unique names."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.names import NAME_MAX, namespace_rule


class Namespace(models.Model):
    """A globally unique name, owned by one user or one organization.

    Names are equal when their ``key`` (NFKC + casefold) is. A dead namespace keeps its row as a tombstone:
    its name may be taken again, by a new row that inherits nothing.
    """

    class Kind(models.TextChoices):
        USER = "user"
        ORGANIZATION = "organization"

    name = models.CharField(max_length=NAME_MAX, validators=[namespace_rule])
    key = models.CharField(max_length=NAME_MAX, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(deleted_at=None), name="namespace_name_taken_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["user", "organization"]), name="namespace_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def account_id(self) -> int | None:
        """The group account that the namespace counts against as well; None for a person's."""
        return self.organization.account_id if self.kind == self.Kind.ORGANIZATION else None
